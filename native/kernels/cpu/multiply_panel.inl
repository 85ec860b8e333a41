// A decoded panel times many tokens, in registers.
template <class Block>
static void multiply_panel(const MatmulArgs& args, const PanelChunk<Block>* chunks, int64_t rows, float* y) {
  run_decoded<Block, Isa::kDecodedTokens>(args, chunks, rows, 0, y);
}
