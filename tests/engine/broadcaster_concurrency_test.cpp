#include "carillon/engine/broadcaster.hpp"
#include "engine/src/directory.hpp"
#include "engine/src/mailbox.hpp"
#include "tests/support/events.hpp"
#include "tests/support/manual_log.hpp"
#include "tests/support/recording_acks.hpp"
#include "tests/support/recording_sink.hpp"
#include "tests/support/rounds.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <latch>
#include <map>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

namespace carillon::engine {
namespace {

constexpr int producers = 4;

/// "producer:index" as a description, so that a sink can check order and loss.
std::string tag(int producer, int index) {
  return std::to_string(producer) + ":" + std::to_string(index);
}
std::pair<int, int> read_tag(const std::string& text) {
  const auto colon = text.find(':');
  return {std::stoi(text.substr(0, colon)), std::stoi(text.substr(colon + 1))};
}

void publish_all(Broadcaster& broadcaster, const UserId& owner, int producer, int count) {
  for (int index = 0; index < count; ++index) {
    auto event = testing::make_event(broadcaster, owner, tag(producer, index));
    while (broadcaster.publish(event) != PublishStatus::accepted)
      std::this_thread::yield();
  }
}

/// Each producer's indices ascend by one; sequences ascend.
void expect_ordered(const std::vector<testing::RecordingSink::Seen>& seen, bool from_zero) {
  std::map<int, int> next;
  Sequence last = 0;
  for (const auto& one : seen) {
    ASSERT_GT(one.event->sequence(), last);
    last = one.event->sequence();
    const auto [producer, index] = read_tag(one.event->description());
    const auto known = next.find(producer);
    if (known == next.end()) {
      ASSERT_TRUE(!from_zero || index == 0);
    } else {
      ASSERT_EQ(index, known->second) << "producer " << producer;
    }
    next[producer] = index + 1;
  }
}

// Goal: nothing lost, nothing reordered within a producer, no lost wake-up (the
// shards sleep between events: one would hang the test).
TEST(BroadcasterConcurrencyTest, DeliversEveryProducersEventsInItsOrder) {
  constexpr int each = 5'000;
  auto made = Broadcaster::create({.shards = 2});
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  std::vector<std::shared_ptr<testing::RecordingSink>> sinks;
  std::vector<Subscription> handles;
  for (std::uint8_t number = 0; number < 4; ++number) {
    sinks.push_back(std::make_shared<testing::RecordingSink>());
    handles.push_back(broadcaster.subscribe(testing::user(number % 2), sinks.back()));
  }
  std::latch start{producers};

  std::vector<std::jthread> threads;
  for (int producer = 0; producer < producers; ++producer)
    threads.emplace_back([&, producer] {
      start.arrive_and_wait();
      publish_all(broadcaster, testing::user(static_cast<std::uint8_t>(producer % 2)), producer,
                  each);
    });
  threads.clear();

  for (auto& sink : sinks) {
    ASSERT_TRUE(sink->wait_seen(2 * each));
    expect_ordered(sink->seen(), true);
    EXPECT_EQ(sink->seen().size(), 2U * each);
  }
}

// Goal: what is published between a subscription's start and its end arrives,
// while mailboxes open and close under the publishers. Method: a steady stream
// for one user beside threads that subscribe, publish a marked event
// themselves, wait for it, and leave; each subscription must see each
// producer's events without a hole.
TEST(BroadcasterConcurrencyTest, LosesNothingWhileSubscriptionsComeAndGo) {
  constexpr int rounds = 150;
  auto made = Broadcaster::create({.shards = 1});
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  const auto user = testing::user(1);
  std::atomic<bool> stop{false};
  std::latch start{4};

  std::vector<std::jthread> publishers;
  for (int producer = 0; producer < 2; ++producer)
    publishers.emplace_back([&, producer] {
      start.arrive_and_wait();
      for (int index = 0; !stop.load(); ++index) {
        auto event = testing::make_event(broadcaster, user, tag(producer, index));
        while (broadcaster.publish(event) != PublishStatus::accepted)
          std::this_thread::yield();
        if (index % 64 == 0) std::this_thread::yield();
      }
    });
  std::vector<std::jthread> churners;
  for (int churner = 0; churner < 2; ++churner)
    churners.emplace_back([&, churner] {
      start.arrive_and_wait();
      for (int round = 0; round < rounds; ++round) {
        auto sink = std::make_shared<testing::RecordingSink>();
        auto handle = broadcaster.subscribe(user, sink);
        const auto mine = tag(100 + churner, round);
        auto event = testing::make_event(broadcaster, user, mine);
        while (broadcaster.publish(event) != PublishStatus::accepted)
          std::this_thread::yield();
        ASSERT_TRUE(sink->wait_seen(1));
        bool seen_mine = false;
        while (!seen_mine) {
          const auto seen = sink->seen();
          for (const auto& one : seen)
            seen_mine = seen_mine || one.event->description() == mine;
          ASSERT_TRUE(seen_mine || sink->wait_seen(seen.size() + 1));
        }
        handle.cancel();
        ASSERT_TRUE(sink->wait_ended());
        expect_ordered(sink->seen(), false);
      }
    });
  churners.clear();
  stop = true;
  publishers.clear();
}

// Goal: one publisher's order for one user survives the user's mailbox opening
// and closing all the time. Method: the log records everything that was
// sequenced, heard or not.
TEST(BroadcasterConcurrencyTest, KeepsAPublishersOrderWhileTheMailboxOpensAndCloses) {
  constexpr int each = 20'000;
  testing::ManualLog log;
  auto made = Broadcaster::create({.shards = 1, .queued_bytes_max = std::size_t{1} << 30U}, &log);
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  const auto user = testing::user(1);
  std::atomic<bool> stop{false};
  std::jthread churner{[&] {
    while (!stop.load()) {
      auto sink = std::make_shared<testing::RecordingSink>();
      auto handle = broadcaster.subscribe(user, sink);
      ASSERT_TRUE(sink->wait_started());
      handle.cancel();
      ASSERT_TRUE(sink->wait_ended());
    }
  }};
  std::vector<std::jthread> publishers;
  for (int producer = 0; producer < 2; ++producer)
    publishers.emplace_back([&, producer] { publish_all(broadcaster, user, producer, each); });
  publishers.clear();
  stop = true;
  churner.join();
  ASSERT_TRUE(log.wait_pending(2 * each));

  std::map<int, int> next;
  Sequence last = 0;
  for (const auto& entry : log.take_pending()) {
    ASSERT_GT(entry.sequence, last);
    last = entry.sequence;
    const auto [producer, index] = read_tag(entry.event->description());
    ASSERT_EQ(index, next[producer]++) << "producer " << producer;
  }
}

// The regression: the shard's turn took stop()'s announcement after the thread had
// looked at the flag, and slept for good. A hang is the failure.
TEST(BroadcasterConcurrencyTest, StopsWhateverTheShardsAreAbout) {
  for (testing::Rounds rounds{3'000}; rounds.next();) {
    auto made = Broadcaster::create({.shards = 1});
    ASSERT_TRUE(made);
    auto event = testing::make_event(**made, testing::user(1));
    ASSERT_EQ((*made)->publish(event), PublishStatus::accepted);
    for (int spin = rounds.number() % 64; spin > 0; --spin)
      std::this_thread::yield();
    (*made)->stop();
  }
}

// The same for a shard that has taken one turn right after the other when stop() comes:
// each event lets the shard publish the next one.
TEST(BroadcasterConcurrencyTest, StopsAShardThatTakesTurnAfterTurn) {
  for (testing::Rounds rounds{1'000}; rounds.next();) {
    auto made = Broadcaster::create({.shards = 1});
    ASSERT_TRUE(made);
    auto& broadcaster = **made;
    std::latch busy{10};
    int turns = 0;
    const auto handle = broadcaster.subscribe(testing::user(1), [&](const Event&) {
      if (++turns <= 10) busy.count_down();
      static_cast<void>(broadcaster.publish(testing::make_event(broadcaster, testing::user(1))));
    });
    ASSERT_EQ(broadcaster.publish(testing::make_event(broadcaster, testing::user(1))),
              PublishStatus::accepted);
    busy.wait();
    broadcaster.stop();
  }
}

TEST(BroadcasterConcurrencyTest, CancelsFromManyThreadsAtOnceWithoutHarm) {
  auto made = Broadcaster::create({.shards = 2});
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  for (int round = 0; round < 200; ++round) {
    auto sink = std::make_shared<testing::RecordingSink>();
    auto handle = broadcaster.subscribe(testing::user(1), sink);
    std::latch start{3};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i)
      threads.emplace_back([&] {
        start.arrive_and_wait();
        handle.cancel();
      });
    threads.emplace_back([&] {
      start.arrive_and_wait();
      publish_all(broadcaster, testing::user(1), 0, 10);
    });
    threads.clear();
    ASSERT_TRUE(sink->wait_ended());
    ASSERT_EQ(sink->ends(), 1);
  }
}

// Goal: a broadcast reaches every shard once, in one order.
TEST(BroadcasterConcurrencyTest, BroadcastsInOneOrderToAllShards) {
  constexpr int each = 1'000;
  auto made = Broadcaster::create({.shards = 4});
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  std::vector<std::shared_ptr<testing::RecordingSink>> sinks;
  std::vector<Subscription> handles;
  for (std::uint8_t number = 0; number < 16; ++number) {
    sinks.push_back(std::make_shared<testing::RecordingSink>());
    handles.push_back(broadcaster.subscribe(testing::user(number), sinks.back()));
    ASSERT_TRUE(sinks.back()->wait_started());
  }
  std::vector<std::jthread> threads;
  for (int producer = 0; producer < 2; ++producer)
    threads.emplace_back([&, producer] {
      for (int index = 0; index < each; ++index) {
        auto event = testing::make_broadcast(broadcaster, tag(producer, index));
        while (broadcaster.broadcast(event) != PublishStatus::accepted)
          std::this_thread::yield();
      }
    });
  threads.clear();

  ASSERT_TRUE(sinks.front()->wait_seen(2 * each));
  const auto expected = sinks.front()->descriptions();
  for (auto& sink : sinks) {
    ASSERT_TRUE(sink->wait_seen(2 * each));
    EXPECT_EQ(sink->descriptions(), expected);
    expect_ordered(sink->seen(), true);
  }
}

/// Lets its test wait for the start and each single event.
class CountingSink final : public Sink {
 public:
  explicit CountingSink(std::counting_semaphore<>& seen) : seen_{seen} {}
  void on_start(const Position&) noexcept override { seen_.release(); }
  void on_events(const DeliveryBatch& batch) noexcept override {
    seen_.release(static_cast<std::ptrdiff_t>(batch.deliveries.size()));
  }

 private:
  std::counting_semaphore<>& seen_;
};

// Goal: each single relay wakes the other shard; no later one makes up for it. Method:
// one broadcast at a time, and both shards on one processor, where a shard that is
// woken mostly runs before the one that woke it goes on.
TEST(BroadcasterConcurrencyTest, RelaysEachSingleBroadcastToASleepingShard) {
  std::counting_semaphore<> seen{0};
  auto made = Broadcaster::create(
      {.shards = 2, .cpus = {static_cast<unsigned>(std::max(0, sched_getcpu()))}});
  ASSERT_TRUE(made);
  auto& broadcaster = **made;
  std::vector<Subscription> handles;
  for (std::uint8_t number = 0; handles.size() < 2; ++number) {
    if (broadcaster.shard_of(testing::user(number)) != handles.size()) continue;
    handles.push_back(
        broadcaster.subscribe(testing::user(number), std::make_shared<CountingSink>(seen)));
    ASSERT_TRUE(seen.try_acquire_for(testing::deadline));
  }

  for (testing::Rounds rounds{100'000}; rounds.next();) {
    ASSERT_EQ(broadcaster.broadcast(testing::make_broadcast(broadcaster)), PublishStatus::accepted);
    for (std::size_t shard = 0; shard < handles.size(); ++shard)
      ASSERT_TRUE(seen.try_acquire_for(testing::deadline)) << "lost in round " << rounds.number();
  }
}

// Goal: an entry that is present all the time is never missed, whatever churns
// around it and however often the table is rebuilt.
TEST(DirectoryConcurrencyTest, NeverMissesAnEntryThatStays) {
  using detail::Directory;
  using detail::Mailbox;
  using detail::MailboxTable;
  MailboxTable mailboxes;
  Directory directory;
  std::vector<UserId> stable;
  const auto add = [&](const UserId& user) -> Mailbox& {
    auto& mailbox = mailboxes.acquire();
    mailbox.open(user);
    directory.insert(mailbox, hash_uuid(user), mailboxes);
    return mailbox;
  };
  for (std::uint8_t number = 0; number < 8; ++number) {
    stable.push_back(testing::user(number));
    add(stable.back());
  }
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> misses{0};
  std::atomic<std::uint64_t> finds{0};
  std::vector<std::jthread> readers;
  for (int reader = 0; reader < 3; ++reader)
    readers.emplace_back([&] {
      while (!stop.load()) {
        for (const auto& user : stable) {
          const auto ref = directory.find(user, hash_uuid(user), mailboxes);
          if (ref.mailbox == nullptr || ref.mailbox->user() != user) misses.fetch_add(1);
          finds.fetch_add(1);
        }
      }
    });
  // Until the readers have been at it for a while, beside many rebuilds.
  for (int round = 0; round < 3'000 || finds.load() < 10'000; ++round) {
    std::vector<Mailbox*> passing;
    for (int i = 0; i < 20; ++i)
      passing.push_back(&add(make_uuid_v4()));
    for (auto* mailbox : passing) {
      const auto user = mailbox->user();
      const auto generation = mailbox->generation();
      ASSERT_TRUE(mailbox->close());
      directory.erase(*mailbox, generation, hash_uuid(user));
      mailboxes.release(*mailbox);
    }
  }
  stop = true;
  readers.clear();

  EXPECT_EQ(misses.load(), 0U);
}

// Goal: no node is lost or taken twice by a mailbox that closes and opens under
// its producers. Method: the consumer takes only when a producer was first, as a
// shard would; a refused push is counted by its producer.
TEST(MailboxConcurrencyTest, LosesNoNodeThroughTakesAndCloses) {
  using detail::Mailbox;
  using detail::Node;
  using detail::PushResult;
  struct Item final : Node {
    Item() : Node{Kind::event} {}
    int producer = 0;
    int index = 0;
  };
  constexpr int each = 50'000;
  Mailbox mailbox{1};
  std::atomic<detail::Generation> generation{mailbox.generation()};
  std::atomic<int> announced{0};
  std::atomic<int> refused{0};
  std::atomic<int> finished{0};
  std::vector<std::vector<Item>> items(producers);
  for (auto& of_producer : items)
    of_producer = std::vector<Item>(each);
  std::latch start{producers};
  std::vector<std::jthread> threads;
  for (int producer = 0; producer < producers; ++producer)
    threads.emplace_back([&, producer] {
      start.arrive_and_wait();
      for (int index = 0; index < each; ++index) {
        auto& item = items[static_cast<std::size_t>(producer)][static_cast<std::size_t>(index)];
        item.producer = producer;
        item.index = index;
        switch (mailbox.push(&item, generation.load(), 8, SIZE_MAX)) {
          case PushResult::first:
            announced.fetch_add(1);
            announced.notify_one();
            break;
          case PushResult::closed:
            refused.fetch_add(1);
            break;
          default:
            break;
        }
      }
      finished.fetch_add(1);
      announced.fetch_add(1);
      announced.notify_one();
    });

  int taken = 0;
  int seen = 0;
  std::vector<int> last(producers, -1);
  while (true) {
    announced.wait(seen);
    seen = announced.load();
    const bool all_finished = finished.load() == producers;
    auto list = mailbox.take_all();
    while (!list.empty()) {
      const auto* item = static_cast<Item*>(list.pop_front());
      ASSERT_GT(item->index, last[static_cast<std::size_t>(item->producer)]);
      last[static_cast<std::size_t>(item->producer)] = item->index;
      ++taken;
      mailbox.settle(8);
    }
    if (all_finished) break;
    if (mailbox.close()) generation.store(mailbox.generation());
  }

  EXPECT_EQ(taken + refused.load(), producers * each);
}

}  // namespace
}  // namespace carillon::engine
