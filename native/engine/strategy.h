// The ways in which a step can know ahead what experts it will need.
#pragma once

#include <string>
#include <vector>

namespace moeflow {

// What a user asks for: one way, or several among which the fastest is found out.
enum class Prefetch {
  kAuto,           // whichever of all makes generating fastest
  kGateAhead,      // the next layers' routers, asked early
  kPreviousToken,  // what the sequence's previous token used
  kRoutePath,      // what a trained predictor says of all layers
  kBlend,          // the next layers' routers, and for the layers after these the trained predictor
  kNone,
};

// "auto", "gate-ahead", "previous-token", "route-path", "blend", "none"; the other way throws Error(kInvalidArgument)
// naming them.
const char* prefetch_name(Prefetch prefetch);
Prefetch prefetch_named(const std::string& name);

// One way, wholly determined.
struct Strategy {
  // Whose word is taken for layers whose routers are not asked early.
  enum class Source { kNone, kPreviousToken, kRoutePath };

  Source source = Source::kNone;
  int layers_ahead = 0;         // whose routers are asked early
  float least_probability = 0;  // kRoutePath: what is less probable is not fetched

  friend bool operator==(const Strategy&, const Strategy&) = default;
};

// What it is called; never kAuto.
Prefetch prefetch_of(const Strategy& strategy);

// Those to choose from, the one to begin with first.
std::vector<Strategy> strategies(Prefetch prefetch, bool has_predictor);

}  // namespace moeflow
