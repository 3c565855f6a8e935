#include "carillon/engine/ids.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <chrono>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

namespace carillon::engine {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Ge;
using ::testing::Le;

unsigned version_of(const Uuid& uuid) {
  return uuid.bytes[6] >> 4U;
}
unsigned variant_of(const Uuid& uuid) {
  return uuid.bytes[8] >> 6U;
}

std::int64_t milliseconds_of(const Uuid& uuid) {
  std::int64_t value = 0;
  for (std::size_t i = 0; i < 6; ++i)
    value = value * 256 + uuid.bytes[i];
  return value;
}

std::int64_t unix_milliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

TEST(UuidTest, ReadsTheBytesInNetworkOrder) {
  // Bytes by Python's uuid.UUID(text).bytes.
  const auto uuid = parse_uuid("018f2f6e-7c3a-7b4e-9d2a-5f1c0e8a7b6d");

  ASSERT_TRUE(uuid);
  EXPECT_EQ(uuid->bytes, (std::array<std::uint8_t, 16>{1, 143, 47, 110, 124, 58, 123, 78, 157, 42,
                                                       95, 28, 14, 138, 123, 109}));
}

TEST(UuidTest, ReadsBothCasesAndWritesLowerCase) {
  const auto uuid = parse_uuid("00112233-4455-6677-8899-AaBbCcDdEeFf");

  ASSERT_TRUE(uuid);
  EXPECT_EQ(to_string(*uuid), "00112233-4455-6677-8899-aabbccddeeff");
}

TEST(UuidTest, WritesWhatItReadsWhateverTheByteAndItsPlace) {
  for (std::size_t place = 0; place < 16; ++place) {
    for (unsigned value = 0; value < 256; ++value) {
      Uuid uuid{};
      uuid.bytes.fill(0x5A);
      uuid.bytes[place] = static_cast<std::uint8_t>(value);

      ASSERT_EQ(parse_uuid(to_string(uuid)), uuid) << "byte " << place << " is " << value;
    }
  }
}

TEST(UuidTest, WritesExactlyItsLengthWithoutTerminator) {
  std::string text(uuid_text_bytes + 2, '#');

  format_uuid(Uuid{}, text.data() + 1);

  EXPECT_EQ(text, "#00000000-0000-0000-0000-000000000000#");
}

TEST(UuidTest, RefusesEveryFormButTheCanonicalOne) {
  for (const auto* text : {
           "",
           "00112233-4455-6677-8899-aabbccddeef",
           "00112233-4455-6677-8899-aabbccddeeff0",
           "00112233445566778899aabbccddeeff",
           "{0112233-4455-6677-8899-aabbccddeef}",
           "urn:uuid:00112233-4455-6677-8899-aabbccddeeff",
           "001122334-455-6677-8899-aabbccddeeff",
           "00112233-4455-6677-8899aaabbccddeeff",
           "00112233_4455-6677-8899-aabbccddeeff",
           " 0112233-4455-6677-8899-aabbccddeeff",
           "0011223g-4455-6677-8899-aabbccddeeff",
           "0x112233-4455-6677-8899-aabbccddeeff",
           "00112233-4455-6677-8899-aabbccddee\xC3\xA9",
       })
    EXPECT_FALSE(parse_uuid(text)) << text;
}

TEST(UuidTest, RefusesAnyCharacterThatIsNotHexadecimal) {
  const std::string good = "00112233-4455-6677-8899-aabbccddeeff";
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int c = 0; c < 256; ++c) {
      auto text = good;
      text[at] = static_cast<char>(c);
      const bool dash = good[at] == '-';
      const bool fits = dash ? c == '-' : std::isxdigit(c) != 0;
      ASSERT_EQ(parse_uuid(text).has_value(), fits) << "byte " << c << " at " << at;
    }
  }
}

TEST(UuidTest, ReadsBackWhatItWrote) {
  for (int i = 0; i < 1'000; ++i) {
    const auto uuid = make_uuid_v4();
    ASSERT_EQ(parse_uuid(to_string(uuid)), uuid);
  }
}

TEST(UuidTest, OrdersAsItsTextDoes) {
  for (int i = 0; i < 1'000; ++i) {
    const auto a = make_uuid_v4();
    const auto b = make_uuid_v4();
    ASSERT_EQ(a < b, to_string(a) < to_string(b));
  }
}

TEST(UuidTest, IsNilOnlyIfAllBitsAreZero) {
  EXPECT_TRUE(Uuid{}.is_nil());
  for (std::size_t bit = 0; bit < 128; ++bit) {
    Uuid uuid;
    uuid.bytes[bit / 8] = static_cast<std::uint8_t>(1U << (bit % 8));
    ASSERT_FALSE(uuid.is_nil()) << bit;
  }
}

TEST(UuidTest, MakesVersionSevenOfTheCurrentTime) {
  const auto before = unix_milliseconds();
  const auto uuid = make_uuid_v7();
  const auto after = unix_milliseconds();

  EXPECT_EQ(version_of(uuid), 7U);
  EXPECT_EQ(variant_of(uuid), 2U);
  // The coarse clock is behind by a tick of the kernel at most (100 Hz: 10 ms).
  EXPECT_THAT(milliseconds_of(uuid), AllOf(Ge(before - 10), Le(after)));
}

TEST(UuidTest, MakesVersionFour) {
  const auto uuid = make_uuid_v4();

  EXPECT_EQ(version_of(uuid), 4U);
  EXPECT_EQ(variant_of(uuid), 2U);
}

TEST(UuidTest, VariesEveryRandomBitOfBothVersions) {
  Uuid ones_v4;
  Uuid ones_v7;
  for (int i = 0; i < 200; ++i) {  // a bit that stays 0 in all has odds of 2^-200
    const auto v4 = make_uuid_v4();
    const auto v7 = make_uuid_v7();
    for (std::size_t at = 0; at < 16; ++at) {
      ones_v4.bytes[at] |= v4.bytes[at];
      ones_v7.bytes[at] |= v7.bytes[at];
    }
  }

  EXPECT_EQ(to_string(ones_v4), "ffffffff-ffff-4fff-bfff-ffffffffffff");
  EXPECT_EQ(to_string(ones_v7).substr(14), "7fff-bfff-ffffffffffff");
}

TEST(UuidTest, HashesLikeTheReferenceFinaliser) {
  // By Python, from the formula in the header with 64-bit wrap-around.
  EXPECT_EQ(hash_uuid(Uuid{}), 0U);
  EXPECT_EQ(hash_uuid(*parse_uuid("00000000-0000-0001-0000-000000000000")), 0x5692161D100B05E5U);
  EXPECT_EQ(hash_uuid(*parse_uuid("00000000-0000-0000-0000-000000000001")), 0xE220A8397B1DCDAFU);
  EXPECT_EQ(hash_uuid(*parse_uuid("018f2f6e-7c3a-7b4e-9d2a-5f1c0e8a7b6d")), 0x0B53AD226F03778FU);
}

TEST(UuidTest, HashesIdsOfOneMillisecondEvenlyInHighAndLowBits) {
  std::array<int, 16> high{};
  std::array<int, 16> low{};
  auto uuid = make_uuid_v7();
  for (unsigned i = 0; i < 16'000; ++i) {
    uuid.bytes[15] = static_cast<std::uint8_t>(i);
    uuid.bytes[14] = static_cast<std::uint8_t>(i >> 8U);
    const auto hash = hash_uuid(uuid);
    ++high[hash >> 60U];
    ++low[hash & 15U];
  }

  // 1,000 each on average; 200 off is more than six standard deviations.
  EXPECT_THAT(high, Each(AllOf(Ge(800), Le(1'200))));
  EXPECT_THAT(low, Each(AllOf(Ge(800), Le(1'200))));
}

TEST(UuidTest, NeverMakesOneTwiceOnAnyThread) {
  constexpr std::size_t threads_count = 4;
  constexpr std::size_t ids_each = 5'000;
  std::vector<std::vector<Uuid>> made(threads_count);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : made) {
      threads.emplace_back([&mine] {
        for (std::size_t i = 0; i < ids_each; ++i)
          mine.push_back(i % 2 == 0 ? make_uuid_v7() : make_uuid_v4());
      });
    }
  }

  std::unordered_set<Uuid> all;
  for (const auto& mine : made)
    all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), threads_count * ids_each);
}

}  // namespace
}  // namespace carillon::engine
