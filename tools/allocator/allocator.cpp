// How jemalloc, which carillond is linked with, gets its memory: see
// tools/decisions/0001-huge-pages.md.

// Read by jemalloc when it starts, before any code of ours runs; the environment variable
// MALLOC_CONF adds to it.
//   thp:always        huge pages are asked for wherever the kernel gives them on request
//   dirty_decay_ms    what RocksDB frees when it has written its newest rows out, it wants
//                     again within a minute
//   narenas_ratio     as many arenas as processors, not four times as many. (percpu_arena would
//                     complain on standard error wherever a process may not use all of them.)
extern "C" {
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): jemalloc's interface
[[gnu::used]] const char* malloc_conf =
    "thp:always,metadata_thp:auto,dirty_decay_ms:60000,narenas_ratio:1";
}
