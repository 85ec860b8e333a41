// Many tokens for instruction sets without tiles.
template <class Block>
static void matmul_many(const MatmulArgs& args) {
  matmul_decoded<Block>(args);
}
