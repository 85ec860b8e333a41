#include "experts/read_backend/ring.h"

#include "base/error.h"

#if defined(__linux__) && __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#include <sys/syscall.h>
#endif

// The header may be older than what is needed (5.6), whatever the kernel.
#if defined(IORING_FEAT_RW_CUR_POS) && defined(__NR_io_uring_setup) && defined(__NR_io_uring_enter)

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>

namespace moeflow {
namespace {

constexpr size_t kMostBytes = size_t{1} << 30;

// Indices that one side writes and the other reads: what was written before the index is visible to who has seen it.
uint32_t load(uint32_t* index) { return std::atomic_ref(*index).load(std::memory_order_acquire); }
void store(uint32_t* index, uint32_t value) { std::atomic_ref(*index).store(value, std::memory_order_release); }

template <typename T>
T* at(void* base, uint32_t offset) {
  return reinterpret_cast<T*>(static_cast<uint8_t*>(base) + offset);
}

void* map_shared(int descriptor, size_t bytes, off_t what) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor, what);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

std::unique_ptr<Ring> Ring::open(unsigned requests) {
  std::unique_ptr<Ring> ring(new Ring());
  if (!ring->map(requests) || !ring->works()) return nullptr;
  return ring;
}

// A system may allow a ring and not its use.
bool Ring::works() {
  auto* request = static_cast<io_uring_sqe*>(prepare());
  request->opcode = IORING_OP_NOP;
  store(asked_tail_, load(asked_tail_) + 1);
  Completion nothing;
  return enter() == 0 && next(nothing) && nothing.result == 0;
}

bool Ring::map(unsigned requests) {
  // In one mapping (5.4), losing no completion (5.5), with plain reads (as old as the feature asked for, 5.6).
  constexpr uint32_t kNeeded = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS;
  io_uring_params params = {};
  descriptor_ = static_cast<int>(::syscall(__NR_io_uring_setup, requests, &params));
  if (descriptor_ < 0 || (params.features & kNeeded) != kNeeded) return false;
  rings_bytes_ = std::max(params.sq_off.array + params.sq_entries * sizeof(uint32_t),
                          params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe));
  rings_ = map_shared(descriptor_, rings_bytes_, IORING_OFF_SQ_RING);
  requests_bytes_ = params.sq_entries * sizeof(io_uring_sqe);
  requests_ = map_shared(descriptor_, requests_bytes_, IORING_OFF_SQES);
  if (!rings_ || !requests_) return false;
  asked_head_ = at<uint32_t>(rings_, params.sq_off.head);
  asked_tail_ = at<uint32_t>(rings_, params.sq_off.tail);
  asked_mask_ = params.sq_entries - 1;
  done_head_ = at<uint32_t>(rings_, params.cq_off.head);
  done_tail_ = at<uint32_t>(rings_, params.cq_off.tail);
  done_mask_ = params.cq_entries - 1;
  done_ = at<io_uring_cqe>(rings_, params.cq_off.cqes);
  // Requests are taken from where they lie, in order.
  for (uint32_t i = 0; i < params.sq_entries; ++i) at<uint32_t>(rings_, params.sq_off.array)[i] = i;
  return true;
}

Ring::~Ring() {
  if (requests_) ::munmap(requests_, requests_bytes_);
  if (rings_) ::munmap(rings_, rings_bytes_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

// A cleared request behind those that are prepared already.
void* Ring::prepare() {
  const uint32_t tail = load(asked_tail_);
  MOEFLOW_CHECK(tail - load(asked_head_) <= asked_mask_);
  io_uring_sqe* request = static_cast<io_uring_sqe*>(requests_) + (tail & asked_mask_);
  std::memset(request, 0, sizeof(*request));
  return request;
}

void Ring::read(const SystemFile& file, const DirectRead& read, uint64_t tag) {
  auto* request = static_cast<io_uring_sqe*>(prepare());
  request->opcode = IORING_OP_READ;
  request->fd = file.descriptor();
  request->off = read.offset;
  request->addr = std::bit_cast<uintptr_t>(read.to);
  request->len = static_cast<uint32_t>(std::min<uint64_t>(read.bytes, kMostBytes));
  request->user_data = tag;
  store(asked_tail_, load(asked_tail_) + 1);
}

void Ring::wait_readable(int descriptor, uint64_t tag) {
  auto* request = static_cast<io_uring_sqe*>(prepare());
  request->opcode = IORING_OP_POLL_ADD;
  request->fd = descriptor;
  request->poll_events = POLLIN;
  request->user_data = tag;
  store(asked_tail_, load(asked_tail_) + 1);
}

int Ring::enter() {
  const uint32_t prepared = load(asked_tail_) - load(asked_head_);
  const auto taken =
      ::syscall(__NR_io_uring_enter, descriptor_, prepared, 1U, IORING_ENTER_GETEVENTS, nullptr, size_t{0});
  return taken < 0 ? errno : 0;
}

std::vector<uint64_t> Ring::take_back() {
  // The kernel looks at the tail during enter() only.
  std::vector<uint64_t> tags;
  const uint32_t head = load(asked_head_);
  for (uint32_t i = head; i != load(asked_tail_); ++i)
    tags.push_back(static_cast<io_uring_sqe*>(requests_)[i & asked_mask_].user_data);
  store(asked_tail_, head);
  return tags;
}

bool Ring::next(Completion& completion) {
  const uint32_t head = load(done_head_);
  if (head == load(done_tail_)) return false;
  const io_uring_cqe& done = static_cast<const io_uring_cqe*>(done_)[head & done_mask_];
  completion = {done.user_data, done.res};
  store(done_head_, head + 1);
  return true;
}

}  // namespace moeflow

#else

namespace moeflow {

std::unique_ptr<Ring> Ring::open(unsigned) { return nullptr; }
Ring::~Ring() = default;
void Ring::read(const SystemFile&, const DirectRead&, uint64_t) { MOEFLOW_CHECK(!"there is a ring"); }
void Ring::wait_readable(int, uint64_t) { MOEFLOW_CHECK(!"there is a ring"); }
int Ring::enter() { return 0; }
std::vector<uint64_t> Ring::take_back() { return {}; }
bool Ring::next(Completion&) { return false; }

}  // namespace moeflow

#endif
