#include "engine/memory_plan.h"

#include <algorithm>

#include "base/error.h"
#include "base/memory.h"
#include "experts/resident.h"
#include "experts/slot_plan.h"

namespace moeflow {
namespace {

// One part in so many of the free memory stays free.
constexpr uint64_t kLeftToOthers = 16;
// Of what a model without a budget leaves free, one part in so many is for its key/value cache.
constexpr uint64_t kShare = 4;

// Where memory is left over, the key/value cache may hold so many sequences as long as the context.
constexpr uint64_t kMostContexts = 16;

uint64_t blocks_for(int64_t tokens) { return (static_cast<uint64_t>(tokens) + kKvBlock - 1) / kKvBlock; }

uint64_t blocks_wanted(const KvDemand& demand) {
  if (demand.tokens == 0) return blocks_for(demand.context_length);
  if (demand.tokens < demand.context_length) {
    fail(ErrorCode::kInvalidArgument, "kvCacheTokens must be at least the contextLength, ", demand.context_length,
         ", is ", demand.tokens);
  }
  return blocks_for(demand.tokens);
}

std::string mebibytes(uint64_t bytes) { return concat((bytes + (1 << 20) - 1) >> 20, " MiB"); }

}  // namespace

MemoryPlan plan_memory(const Model& model, const KvLayout& kv, const KvDemand& demand, const WorkingMemory& working,
                       uint64_t budget, uint64_t free) {
  MemoryPlan plan;
  const uint64_t context_blocks = blocks_for(demand.context_length);
  const uint64_t history = working.histories / context_blocks;  // of a block's tokens
  const uint64_t resident = resident_bytes();
  plan.process = resident - std::min(resident, working.predictor);
  plan.dense = model.weights.total_bytes();
  plan.kv_blocks = blocks_wanted(demand);
  plan.kv_cache = plan.kv_blocks * kv.block;
  plan.workspace = working.workspace;
  plan.device = working.device;
  plan.predictor = working.predictor + plan.kv_blocks * history;
  plan.experts = ResidentExperts::bytes(model.experts);
  plan.model_experts = int64_t{model.config.layers - model.config.leading_dense_layers} * model.config.router.experts;
  plan.slots = plan.model_experts;
  const uint64_t others = plan.process + plan.dense + plan.kv_cache + plan.workspace + plan.device + plan.predictor;
  const uint64_t usable = free - free / kLeftToOthers;
  const uint64_t needed = others - resident + plan.experts;
  if (budget == 0 && free > 0 && needed > usable) {
    budget = resident + usable;
    plan.chosen = true;
  }
  plan.budget = budget;
  if (budget == 0 || others + plan.experts <= budget) {
    if (demand.tokens > 0) return plan;
    const uint64_t spare = budget > 0 ? budget - others - plan.experts : (usable - std::min(usable, needed)) / kShare;
    const uint64_t more = budget == 0 && free == 0 ? kMostContexts * context_blocks : spare / (kv.block + history);
    plan.kv_blocks = std::min(plan.kv_blocks + more, kMostContexts * context_blocks);
    return plan;
  }

  const SlotPlan slots(model.experts, model.config.router.used);
  const uint64_t fewest = slots.fewest_bytes();
  if (others + fewest > budget) {
    fail(ErrorCode::kInvalidArgument, "a memory budget of ", mebibytes(budget), plan.chosen ? " (what is free)" : "",
         " is too small: at least ", mebibytes(others + fewest), " are needed (", mebibytes(plan.process),
         " the process has already, ", mebibytes(plan.dense), " weights outside the experts, ",
         mebibytes(plan.kv_cache), " key/value cache of ", plan.kv_blocks * kKvBlock, " tokens, ",
         mebibytes(plan.workspace), " activations, ",
         plan.device > 0 ? concat(mebibytes(plan.device), " emulated device memory, ") : "",
         plan.predictor > 0 ? concat(mebibytes(plan.predictor), " the predictor of routes, ") : "", mebibytes(fewest),
         " the ", model.config.router.used, " experts that a token uses in a layer)");
  }
  plan.all_experts = false;
  plan.experts = std::min(budget - others, slots.most_bytes());
  plan.slots = slots.slots(plan.experts);
  return plan;
}

}  // namespace moeflow
