// The attention half of a layer: normed rows in, what to add to the residual stream out (space.projected).
#pragma once

#include "model/forward.h"

namespace moeflow {

void grouped_attention(const Step& step, int layer);
void latent_attention(const Step& step, int layer);

// Shared by the two. Stores one row's keys and values ([kv_heads][dim] each) in the cache.
void store_in_cache(const Step& step, int layer, int64_t row, const float* keys, const float* values);

// Attention of all rows: queries [rows][heads * key_dim] against the cache, into space.attended [rows][heads *
// value_dim].
void attend(const Step& step, int layer, const ActivationBuffer& queries, const float* sinks);

}  // namespace moeflow
