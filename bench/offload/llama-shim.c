// Preloaded into a process with node-llama-cpp, does what its users could by building llama.cpp themselves:
//
// - weights are used as they lie in the file, not repacked into memory of their own: repacking doubles the memory, and
//   node-llama-cpp has no switch for llama.cpp's use_extra_bufts;
// - if MOEFLOW_BENCH_MODEL names the model file: its mapping is read in 2 MiB pages where it is touched, and nowhere else.
//   llama.cpp asks for all of the file at once and for twice the usual read-ahead, which under a memory limit drives out
//   what is still needed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// As in include/llama.h of llama.cpp v0.5.0, which is inside node-llama-cpp 3.22.1.
struct llama_model_params {
  void *devices;
  const void *tensor_buft_overrides;
  int32_t n_gpu_layers;
  int32_t split_mode;
  int32_t load_mode;
  int32_t lazy_mode;
  int32_t main_gpu;
  const float *tensor_split;
  void *progress_callback;
  void *progress_callback_user_data;
  const void *kv_overrides;
  bool vocab_only;
  bool check_tensors;
  bool use_extra_bufts;
  bool no_host;
  bool no_alloc;
  bool load_mtp;
};

static void fail(const char *what) {
  fprintf(stderr, "llama-shim: %s\n", what);
  abort();
}

static int find_llama(struct dl_phdr_info *info, size_t size, void *path) {
  (void)size;
  if (!strstr(info->dlpi_name, "/libllama.")) return 0;
  *(char **)path = strdup(info->dlpi_name);
  return 1;
}

// The addon's libraries are not in the scope that RTLD_NEXT searches, so the real function is asked of its own library.
static struct llama_model_params real_defaults(void) {
  char *path = NULL;
  if (!dl_iterate_phdr(find_llama, &path)) fail("libllama is not loaded");
  void *library = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
  free(path);
  struct llama_model_params (*defaults)(void) = NULL;
  if (library) *(void **)&defaults = dlsym(library, "llama_model_default_params");
  if (!defaults) fail("libllama has no llama_model_default_params");
  return defaults();
}

struct llama_model_params llama_model_default_params(void) {
  struct llama_model_params params = real_defaults();
  // The defaults of the release this was written for; another layout would show something else here.
  const unsigned char expected[] = {0, 0, 1, 0, 0, 0};
  if (memcmp(&params.vocab_only, expected, sizeof expected) != 0 || params.n_gpu_layers != -1) {
    fail("llama_model_params is not that of llama.cpp v0.5.0; see bench/offload/llama-shim.c");
  }
  params.use_extra_bufts = false;
  return params;
}

static uintptr_t mapping_start, mapping_end;

static bool is_model(int fd) {
  const char *path = getenv("MOEFLOW_BENCH_MODEL");
  struct stat model, file;
  if (!path || fd < 0) return false;
  if (stat(path, &model) != 0 || fstat(fd, &file) != 0) return false;
  return model.st_dev == file.st_dev && model.st_ino == file.st_ino;
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  const bool model = is_model(fd);
  if (model) flags &= ~MAP_POPULATE;
  void *mapped = (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
  if (!model || mapped == MAP_FAILED) return mapped;
  if (madvise(mapped, length, MADV_RANDOM) != 0) fail("MADV_RANDOM was refused");
  if (madvise(mapped, length, MADV_HUGEPAGE) != 0) fail("MADV_HUGEPAGE was refused: are transparent huge pages off?");
  mapping_start = (uintptr_t)mapped;
  mapping_end = mapping_start + length;
  return mapped;
}

// POSIX_FADV_SEQUENTIAL would double the read-ahead.
int posix_fadvise(int fd, off_t offset, off_t length, int advice) {
  if (is_model(fd)) return 0;
  return (int)-syscall(SYS_fadvise64, fd, offset, length, advice);
}

// POSIX_MADV_WILLNEED would fetch the whole file.
int posix_madvise(void *address, size_t length, int advice) {
  if ((uintptr_t)address >= mapping_start && (uintptr_t)address < mapping_end) return 0;
  return madvise(address, length, advice) == 0 ? 0 : -1;
}
