// Replays a corpus through a fuzz target without libFuzzer, so that every input
// which once mattered is a test with any compiler. Arguments are files and
// directories; those that begin with '-' belong to libFuzzer and are ignored.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void replay(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  const std::vector<char> chars{std::istreambuf_iterator<char>{file}, {}};
  const std::vector<std::uint8_t> input{chars.begin(), chars.end()};
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t replayed = 0;
  for (int index = 1; index < argc; ++index) {
    const std::string_view argument{argv[index]};
    if (argument.starts_with('-')) continue;
    if (!std::filesystem::is_directory(argument)) {
      replay(argument);
      ++replayed;
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator{argument}) {
      if (!entry.is_regular_file()) continue;
      replay(entry.path());
      ++replayed;
    }
  }
  std::printf("replayed %zu inputs\n", replayed);
  // An empty corpus is a wrong path, not a pass.
  return replayed == 0 ? 1 : 0;
}
