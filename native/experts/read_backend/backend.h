// How pieces of files get into memory: what a way of reading must do, and where it finds its work.
#pragma once

#include <cstdint>
#include <string>

namespace moeflow {

// Bytes of one file that belong together. Aligned as DirectFile wants it.
struct ReadRange {
  uint32_t file = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t needed = 0;
  uint8_t* to = nullptr;
};

class BackgroundRead;

// So much of a read as one call of the system's is asked for.
struct ReadPiece {
  BackgroundRead* read = nullptr;
  ReadRange range;
};

// Both may be called from any thread.
class ReadPieces {
 public:
  // The piece to begin next; false when none waits.
  virtual bool take(ReadPiece& piece) = 0;
  // `error` is empty when its bytes are in memory.
  virtual void finish(const ReadPiece& piece, const std::string& error) = 0;

 protected:
  ~ReadPieces() = default;
};

class ReadBackend {
 public:
  // Waits for pieces under way; by then there must be no others.
  virtual ~ReadBackend() = default;
  // There are pieces to take.
  virtual void wake() = 0;
  virtual const char* name() const = 0;
};

}  // namespace moeflow
