// How a memory budget is spent, computed before anything large is allocated.
#pragma once

#include <cstdint>

#include "model/batch.h"
#include "model/model.h"

namespace moeflow {

// What a step needs beside weights and key/value cache, in bytes.
struct WorkingMemory {
  uint64_t workspace = 0;  // activations of the largest step
  uint64_t device = 0;     // slots of an emulated device
  uint64_t predictor = 0;  // weights of a route predictor, which are in the process already
  uint64_t histories = 0;  // what it needs beside them, for one sequence as long as the context
};

// What the key/value cache has to hold, in tokens.
struct KvDemand {
  int context_length = 0;  // of one sequence, at most
  int64_t tokens = 0;      // of all sequences together; 0: as many as there is memory to spare for
};

// All in bytes.
struct MemoryPlan {
  uint64_t budget = 0;     // for the whole process; 0: as much as it takes
  bool chosen = false;     // the budget was not given: it is most of what the machine has left
  uint64_t process = 0;    // resident before the model and its predictor came
  uint64_t dense = 0;      // weights that are not experts'
  uint64_t kv_cache = 0;   // set aside for: one sequence as long as the context, or what was asked for
  uint64_t kv_blocks = 0;  // that the key/value cache may have: more than these, where memory is left over
  uint64_t workspace = 0;  // activations of the largest step
  uint64_t device = 0;     // slots of an emulated device
  uint64_t predictor = 0;  // of routes: its weights and what it works in
  uint64_t experts = 0;    // for experts: all of them, or slots for some
  bool all_experts = true;
  int64_t slots = 0;          // experts that have a place
  int64_t model_experts = 0;  // of all layers
};

// Without a budget (0), a model that fits into the `free` bytes of the machine (0: not known) gets what it takes, and a
// larger one most of them. Throws Error(kInvalidArgument) for a budget that is too small, naming the smallest that
// works and what it consists of, and for a key/value cache that holds less than a context.
MemoryPlan plan_memory(const Model& model, const KvLayout& kv, const KvDemand& demand, const WorkingMemory& working,
                       uint64_t budget, uint64_t free);

}  // namespace moeflow
