// One step of the model over a batch: tokens in, logits and routing out (both in the workspace).
#pragma once

#include "base/thread_pool.h"
#include "experts/source.h"
#include "model/batch.h"
#include "model/model.h"
#include "model/workspace.h"

namespace moeflow {

// Everything that the parts of a step share.
struct Step {
  const Model& model;
  const KernelSet& kernels;
  ThreadPool& pool;
  Workspace& space;
  const KvLayout& kv;
  ExpertSource& experts;
  const Batch& batch;
  int layers_ahead = 0;  // whose routers are asked before their turn; at most kMostLayersAhead

  const ModelConfig& config() const { return model.config; }
  // Throws Error(kCancelled) once the caller has cancelled. Called between and inside the parallel regions.
  void check_cancelled() const;
};

// Computes all rows of step.batch. Afterwards space.logits holds one row for each of batch.logit_rows and
// space.expert_ids / expert_weights the routes of every row. Throws Error(kCancelled); the cache blocks of the batch's
// rows are then undefined.
void forward(const Step& step);

}  // namespace moeflow
