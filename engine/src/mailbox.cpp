#include "engine/src/mailbox.hpp"

#include "engine/src/assert.hpp"
#include "engine/src/huge_memory.hpp"

#include <bit>
#include <cstring>
#include <new>

namespace carillon::engine::detail {
namespace {

// The head word: generation in the high 22 bits, below it the address of the
// newest node without its 6 zero bits (nodes are aligned to 64). User space
// addresses have 48 bits at most (x86-64 with 4-level tables, the default of
// Linux also with 5; AArch64 likewise), so 42 bits are enough.
constexpr unsigned alignment_bits = 6;
constexpr unsigned pointer_bits = 64 - generation_bits;
constexpr std::uint64_t pointer_mask = (std::uint64_t{1} << pointer_bits) - 1;
constexpr Generation generation_mask = (Generation{1} << generation_bits) - 1;
static_assert(alignof(Node) == std::size_t{1} << alignment_bits);

std::uint64_t pack(Generation generation, const Node* node) noexcept {
  return (std::uint64_t{generation} << pointer_bits) |
         (reinterpret_cast<std::uintptr_t>(node) >> alignment_bits);
}

Generation generation_of(std::uint64_t head) noexcept {
  return static_cast<Generation>(head >> pointer_bits);
}

Node* node_of(std::uint64_t head) noexcept {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the head word packs both
  return reinterpret_cast<Node*>((head & pointer_mask) << alignment_bits);
}

}  // namespace

void NodeList::push_back(Node* node) noexcept {
  node->next = nullptr;
  (head == nullptr ? head : tail->next) = node;
  tail = node;
}

void NodeList::append(NodeList&& other) noexcept {
  if (other.empty()) return;
  (head == nullptr ? head : tail->next) = other.head;
  tail = other.tail;
  other = {};
}

Node* NodeList::pop_front() noexcept {
  auto* node = head;
  head = node->next;
  return node;
}

NodeList NodeList::reversed(Node* newest) noexcept {
  NodeList list{.head = nullptr, .tail = newest};
  while (newest != nullptr) {
    auto* older = newest->next;
    for (const auto* hint : newest->hints) {
      // Its two first lines are what the shard needs of an event (event.hpp).
      __builtin_prefetch(hint);
      // As a number, because a hint may be null, and null plus 64 is no pointer.
      __builtin_prefetch(
          reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(hint) + 64));
    }
    newest->next = list.head;
    list.head = newest;
    newest = older;
  }
  return list;
}

PushResult Mailbox::push(Node* node,
                         Generation generation,
                         std::size_t bytes,
                         std::size_t bytes_max) noexcept {
  // M2 relaxed: only the compare-exchange below decides.
  auto head = head_.load(std::memory_order_relaxed);
  if (generation_of(head) != generation) return PushResult::closed;
  if (bytes > 0 && !charge(bytes, bytes_max)) return PushResult::full;
  std::uint32_t pushes = 0;  // a mailbox that was empty has no hints
  if (node_of(head) != nullptr) pushes = recent_.hint(*node, pushes_);
  do {
    if (generation_of(head) != generation) {
      if (bytes > 0) settle(bytes);
      return PushResult::closed;
    }
    node->next = node_of(head);
    // M3 release: publishes the node's contents and its link to take_all (M4).
    // Failure is relaxed, as M2.
  } while (!head_.compare_exchange_weak(head, pack(generation, node), std::memory_order_release,
                                        std::memory_order_relaxed));
  if (node_of(head) == nullptr) return PushResult::first;
  recent_.note(pushes, node, pushes_);
  return PushResult::queued;
}

bool Mailbox::charge(std::size_t bytes, std::size_t bytes_max) noexcept {
  // M1 relaxed: a count that publishes no data. It is taken before the push, so
  // that settle() never finds less than it gives back.
  // Alone, an event may be larger than the bound; else it could never pass.
  const auto before = queued_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (before == 0 || before + bytes <= bytes_max) return true;
  settle(bytes);
  return false;
}

UserId Mailbox::user() const noexcept {
  // M5 relaxed: a stale or torn id only sends the caller on; a right one is
  // published by the directory entry through which the caller came here.
  const std::array<std::uint64_t, 2> words{user_[0].load(std::memory_order_relaxed),
                                           user_[1].load(std::memory_order_relaxed)};
  UserId user;
  std::memcpy(user.bytes.data(), words.data(), sizeof(words));
  return user;
}

Node* Mailbox::take_newest() noexcept {
  // M4 acquire: pairs with every M3 in the release sequence that the pushes'
  // compare-exchanges form, so all nodes' contents are seen. The generation is
  // only changed by this thread, so reading it relaxed is exact.
  const auto empty = pack(generation(), nullptr);
  return node_of(head_.exchange(empty, std::memory_order_acquire));
}

void Mailbox::settle(std::size_t bytes) noexcept {
  queued_bytes_.fetch_sub(bytes, std::memory_order_relaxed);  // M1
}

bool Mailbox::close() noexcept {
  auto expected = pack(generation(), nullptr);
  const auto next = pack((generation() + 1) & generation_mask, nullptr);
  // M6 relaxed: the shard itself closes and opens; a producer that still comes
  // with the old generation fails its compare-exchange whatever it sees.
  return head_.compare_exchange_strong(expected, next, std::memory_order_relaxed,
                                       std::memory_order_relaxed);
}

void Mailbox::open(const UserId& user) noexcept {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), user.bytes.data(), sizeof(words));
  user_[0].store(words[0], std::memory_order_relaxed);  // M5
  user_[1].store(words[1], std::memory_order_relaxed);  // M5
}

Generation Mailbox::generation() const noexcept {
  return generation_of(head_.load(std::memory_order_relaxed));  // M6
}

MailboxTable::~MailboxTable() {
  for (std::uint32_t index = 1; index < next_index_; ++index)
    at(index)->~Mailbox();
  for (std::size_t segment = 0; segment < segments_.size(); ++segment) {
    // T1 relaxed: nobody else is left
    auto* memory = segments_[segment].load(std::memory_order_relaxed);
    if (memory != nullptr) free_huge(memory, bytes_of_segment(segment));
  }
}

MailboxTable::Place MailboxTable::place_of(std::uint32_t index) noexcept {
  const std::uint64_t shifted = std::uint64_t{index} + (1U << first_segment_bits);
  const auto bits = static_cast<std::size_t>(std::bit_width(shifted)) - 1;
  return {.segment = bits - first_segment_bits, .offset = shifted - (std::uint64_t{1} << bits)};
}

Mailbox* MailboxTable::at(std::uint32_t index) const noexcept {
  const auto place = place_of(index);
  // T2 acquire: pairs with T3; whoever holds an index came by it through a
  // directory entry stored after the segment, so it is there.
  return segments_[place.segment].load(std::memory_order_acquire) + place.offset;
}

Mailbox& MailboxTable::acquire() {
  if (!free_.empty()) {
    auto* mailbox = free_.front();
    free_.pop_front();
    return *mailbox;
  }
  const auto place = place_of(next_index_);
  CARILLON_ASSERT(place.segment < segments_max, "more than 2^32 mailboxes in a shard");
  auto* segment = segments_[place.segment].load(std::memory_order_relaxed);  // own store
  if (segment == nullptr) {
    segment = static_cast<Mailbox*>(allocate_huge(bytes_of_segment(place.segment)));
    // T3 release: pairs with T2.
    segments_[place.segment].store(segment, std::memory_order_release);
  }
  return *new (segment + place.offset) Mailbox{next_index_++};
}

}  // namespace carillon::engine::detail
