// The door of this room: how a layer gets at the experts that its router chose. Behind it they may all be in memory, or
// come and go; whoever asks gets matrices and cannot tell.
#pragma once

#include <atomic>
#include <span>

#include "experts/expert.h"

namespace moeflow {

class ExpertSource {
 public:
  virtual ~ExpertSource() = default;

  // Asks for the different experts that a layer needs, and returns those that are in memory already, in any order. The
  // first `generating` of them are used by tokens that are being generated, the others by prompts alone. Ends the
  // request before, whether or not all of that one's experts were used.
  virtual std::span<const int32_t> request(int32_t layer, std::span<const int32_t> experts, size_t generating) = 0;

  // Takes back what was handed out last and returns experts of the request that have come since, waiting for the first
  // of them. Empty when all have been handed out. Throws Error(kIo) naming the file and the place, or Error(kCancelled)
  // once `cancelled` is set; the other experts of the model can be used as before.
  virtual std::span<const int32_t> next(const std::atomic<bool>* cancelled) = 0;

  // Hints, which change no result.
  // Whether they do anything now: who would say something may save the work of finding out.
  virtual bool takes_hints() const = 0;
  // How probable it is of each expert, [expert], that a layer asks for it when its turn comes, and what its next use
  // after that is worth, from 0 to 1 as EvictionPolicy::expected has it: it tells who should stay.
  virtual void foresee(int32_t layer, std::span<const float> probabilities, std::span<const float> later) = 0;
  // Experts that a layer will need soon, by tokens that are being generated or by a prompt, the most probable first:
  // they may be fetched, as far as nothing that is needed now has to wait for it. May be called again when there may be
  // more room. Returns whether there is room for more.
  virtual bool fetch_ahead(int32_t layer, std::span<const int32_t> experts, bool for_prompt) = 0;
  // fetch_ahead() for experts of which all are as good as sure to be asked for.
  virtual bool expect(int32_t layer, std::span<const int32_t> experts, bool for_prompt) = 0;

  // The matrices of an expert that was handed out last, as long as it is.
  virtual ExpertWeights weights(ExpertId id) const = 0;
};

}  // namespace moeflow
