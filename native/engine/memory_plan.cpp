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

std::string mebibytes(uint64_t bytes) { return concat((bytes + (1 << 20) - 1) >> 20, " MiB"); }

}  // namespace

MemoryPlan plan_memory(const Model& model, const KvLayout& kv, int context_length, const WorkingMemory& working,
                       uint64_t budget, uint64_t free) {
  MemoryPlan plan;
  const uint64_t resident = resident_bytes();
  plan.process = resident - std::min(resident, working.predictor);
  plan.dense = model.weights.total_bytes();
  plan.kv_cache = (static_cast<uint64_t>(context_length) + kKvBlock - 1) / kKvBlock * kv.block;
  plan.workspace = working.workspace;
  plan.device = working.device;
  plan.predictor = working.predictor + working.histories;
  plan.experts = ResidentExperts::bytes(model.experts);
  plan.model_experts = int64_t{model.config.layers - model.config.leading_dense_layers} * model.config.router.experts;
  plan.slots = plan.model_experts;
  const uint64_t others = plan.process + plan.dense + plan.kv_cache + plan.workspace + plan.device + plan.predictor;
  const uint64_t usable = free - free / kLeftToOthers;
  if (budget == 0 && free > 0 && others - resident + plan.experts > usable) {
    budget = resident + usable;
    plan.chosen = true;
  }
  plan.budget = budget;
  if (budget == 0 || others + plan.experts <= budget) return plan;

  const SlotPlan slots(model.experts, model.config.router.used);
  const uint64_t fewest = slots.fewest_bytes();
  if (others + fewest > budget) {
    fail(ErrorCode::kInvalidArgument, "a memory budget of ", mebibytes(budget), plan.chosen ? " (what is free)" : "",
         " is too small: at least ", mebibytes(others + fewest), " are needed (", mebibytes(plan.process),
         " the process has already, ", mebibytes(plan.dense), " weights outside the experts, ",
         mebibytes(plan.kv_cache), " key/value cache of ", context_length, " tokens, ", mebibytes(plan.workspace),
         " activations, ", plan.device > 0 ? concat(mebibytes(plan.device), " emulated device memory, ") : "",
         plan.predictor > 0 ? concat(mebibytes(plan.predictor), " the predictor of routes, ") : "", mebibytes(fewest),
         " the ", model.config.router.used, " experts that a token uses in a layer)");
  }
  plan.all_experts = false;
  plan.experts = std::min(budget - others, slots.most_bytes());
  plan.slots = slots.slots(plan.experts);
  return plan;
}

}  // namespace moeflow
