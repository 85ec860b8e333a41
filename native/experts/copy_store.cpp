#include "experts/copy_store.h"

#include <algorithm>
#include <cstring>
#include <system_error>

#include "base/error.h"

namespace moeflow {
namespace {

// What the cache below says of an expert, without the expert's name: the one above says it again.
std::string without_name(const std::string& message, ExpertId id) {
  const std::string name = concat("expert ", id.expert, " of layer ", id.layer, ": ");
  return message.starts_with(name) ? message.substr(name.size()) : message;
}

}  // namespace

CopyStore::CopyStore(const ExpertLayout& layout, std::unique_ptr<ExpertSource> lower, const CachedExperts* lower_cache,
                     double bytes_per_second)
    : layout_(layout), lower_(std::move(lower)), lower_cache_(lower_cache), bytes_per_second_(bytes_per_second) {
  if (lower_cache_) lower_counters_.resize(layout.size());
  try {
    thread_ = std::thread([this] { work(); });
  } catch (const std::system_error& error) {
    fail(ErrorCode::kOutOfMemory, "cannot start the thread that copies experts: ", error.what());
  }
}

CopyStore::~CopyStore() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    interrupted_ = true;
  }
  submitted_.notify_all();
  thread_.join();
}

void CopyStore::fetch(BackgroundRead& read, ExpertId id, uint8_t* slot, ReadPriority priority, bool for_prompt) {
  {
    const std::lock_guard lock(mutex_);
    read.state_ = BackgroundRead::State::kReading;
    read.error_.clear();
    read.bytes_ = 0;
    const bool demand = priority == ReadPriority::kDemand;
    (demand ? demands_ : prefetches_).push_back({&read, id, slot, for_prompt, false});
    if (demand) interrupted_ = true;
  }
  submitted_.notify_all();
}

ExpertWeights CopyStore::weights(ExpertId id, const uint8_t* slot) const {
  const ExpertRanges& ranges = ranges_of(id);
  const SlotOffsets offsets = slot_offsets(ranges, slot_content());
  return matrices_at(ranges, {slot + offsets[kGate], slot + offsets[kUp], slot + offsets[kDown]});
}

void CopyStore::promote(const BackgroundRead& read) {
  {
    const std::lock_guard lock(mutex_);
    if (in_hand_ == &read) in_hand_promoted_ = true;
    const auto found =
        std::find_if(prefetches_.begin(), prefetches_.end(), [&](const Job& job) { return job.read == &read; });
    if (found == prefetches_.end()) return;
    demands_.push_back(*found);
    prefetches_.erase(found);
    interrupted_ = true;
  }
  submitted_.notify_all();
}

bool CopyStore::cancel(BackgroundRead& read) {
  const std::lock_guard lock(mutex_);
  if (std::erase_if(prefetches_, [&](const Job& job) { return job.read == &read; }) == 0) return false;
  read.state_ = BackgroundRead::State::kFailed;
  read.error_ = "given up";
  return true;
}

bool CopyStore::wait(std::chrono::milliseconds most, const std::function<bool()>& look) {
  std::unique_lock lock(mutex_);
  return finished_.wait_for(lock, most, look);
}

std::vector<CacheCounters> CopyStore::lower_counters() const {
  const std::lock_guard lock(mutex_);
  return lower_counters_;
}

void CopyStore::work() {
  for (;;) {
    bool interruptible = false;
    std::vector<Job> batch;
    {
      std::unique_lock lock(mutex_);
      submitted_.wait(lock, [&] { return stop_ || !demands_.empty() || !prefetches_.empty(); });
      if (stop_) return;
      interruptible = demands_.empty();
      interrupted_ = !interruptible;
      batch = take_batch();
      in_hand_ = interruptible ? batch[0].read : nullptr;
      in_hand_promoted_ = false;
    }
    carry_out(batch, interruptible);
  }
}

// Jobs of one layer, as the memory below is asked for a layer's experts at a time: all demands of the layer whose turn
// it is, or one prefetch.
std::vector<CopyStore::Job> CopyStore::take_batch() {
  std::deque<Job>& jobs = demands_.empty() ? prefetches_ : demands_;
  std::vector<Job> batch = {jobs.front()};
  jobs.pop_front();
  if (&jobs == &prefetches_ || batch[0].alone) return batch;
  std::erase_if(jobs, [&](const Job& job) {
    if (job.id.layer != batch[0].id.layer || job.alone) return false;
    // After a cancelled step an expert may be on its way to two slots: once for each, as requests name it once.
    const auto same = [&](const Job& other) { return other.id.expert == job.id.expert; };
    if (std::any_of(batch.begin(), batch.end(), same)) return false;
    batch.push_back(job);
    return true;
  });
  // Those of generated tokens first.
  std::stable_partition(batch.begin(), batch.end(), [](const Job& job) { return !job.for_prompt; });
  return batch;
}

void CopyStore::carry_out(std::vector<Job>& batch, bool interruptible) {
  std::vector<int32_t> experts;
  for (const Job& job : batch) experts.push_back(job.id.expert);
  const auto generating =
      static_cast<size_t>(std::count_if(batch.begin(), batch.end(), [](const Job& job) { return !job.for_prompt; }));
  try {
    std::span<const int32_t> ready = lower_->request(batch[0].id.layer, experts, generating);
    while (!batch.empty()) {
      for (const int32_t expert : ready) {
        const auto job = std::find_if(batch.begin(), batch.end(), [&](const Job& j) { return j.id.expert == expert; });
        copy(*job);
        {
          const std::lock_guard lock(mutex_);
          finish(*job, BackgroundRead::State::kDone, {});
        }
        batch.erase(job);
      }
      if (!batch.empty()) ready = lower_->next(interruptible ? &interrupted_ : nullptr);
    }
    lower_->next(nullptr);  // takes back what was handed out last
  } catch (const Error& error) {
    const std::lock_guard lock(mutex_);
    if (error.code() == ErrorCode::kCancelled) {
      (in_hand_promoted_ ? demands_ : prefetches_).push_front(batch[0]);
      in_hand_ = nullptr;
      return;
    }
    if (batch.size() > 1) {
      for (Job& job : batch) job.alone = true;
      demands_.insert(demands_.begin(), batch.begin(), batch.end());
      return;
    }
    finish(batch[0], BackgroundRead::State::kFailed, without_name(error.what(), batch[0].id));
  }
}

void CopyStore::copy(const Job& job) {
  const auto start = std::chrono::steady_clock::now();
  const ExpertRanges& ranges = ranges_of(job.id);
  const SlotOffsets offsets = slot_offsets(ranges, slot_content());
  const ExpertWeights from = lower_->weights(job.id);
  std::memcpy(job.slot + offsets[kGate], from.gate.data, ranges.part[kGate].bytes);
  std::memcpy(job.slot + offsets[kUp], from.up.data, ranges.part[kUp].bytes);
  std::memcpy(job.slot + offsets[kDown], from.down.data, ranges.part[kDown].bytes);
  keep_to_speed(ranges.bytes(), start);
}

void CopyStore::keep_to_speed(uint64_t bytes, std::chrono::steady_clock::time_point start) {
  if (bytes_per_second_ <= 0) return;
  const std::chrono::duration<double> least(static_cast<double>(bytes) / bytes_per_second_);
  std::unique_lock lock(mutex_);
  submitted_.wait_until(lock, start + std::chrono::duration_cast<std::chrono::steady_clock::duration>(least),
                        [&] { return stop_; });
}

// With the mutex held.
void CopyStore::finish(const Job& job, BackgroundRead::State state, const std::string& error) {
  job.read->error_ = error;
  job.read->bytes_ = state == BackgroundRead::State::kDone ? ranges_of(job.id).bytes() : 0;
  job.read->state_ = state;
  for (size_t layer = 0; layer < lower_counters_.size(); ++layer) {
    lower_counters_[layer] = lower_cache_->counters_of(static_cast<int32_t>(layer));
  }
  finished_.notify_all();
}

}  // namespace moeflow
