#include "gguf/model_path.h"

#include <filesystem>
#include <map>
#include <system_error>

#include "base/error.h"
#include "gguf/shard_name.h"

namespace moeflow::gguf {
namespace {

namespace fs = std::filesystem;

// Lists longer than this are cut in messages.
constexpr size_t kMaxListed = 8;

std::string list_text(const std::vector<std::string>& items) {
  std::string text;
  for (size_t i = 0; i < items.size() && i < kMaxListed; ++i) text += (i ? ", " : "") + items[i];
  if (items.size() > kMaxListed) text += concat(" and ", items.size() - kMaxListed, " more");
  return text;
}

bool exists(const std::string& path) {
  std::error_code ignored;  // what cannot be looked at is not there, as far as finding goes
  return fs::exists(path, ignored);
}

std::vector<std::string> find_shards(const ShardName& name) {
  std::vector<std::string> paths;
  std::vector<std::string> missing;
  uint32_t first_missing = 0;
  for (uint32_t number = 1; number <= name.count; ++number) {
    paths.push_back(shard_path(name, number));
    if (exists(paths.back())) continue;
    if (missing.empty()) first_missing = number;
    missing.push_back(paths.back());
  }
  if (missing.size() == 1) {
    fail(ErrorCode::kInvalidFile, "shard ", first_missing, " of ", name.count, " is missing: ", missing[0]);
  }
  if (!missing.empty()) {
    fail(ErrorCode::kInvalidFile, missing.size(), " of ", name.count, " shards are missing: ", list_text(missing));
  }
  return paths;
}

// The models in a directory, by the path of their only file or first shard; the value is a file that does exist.
std::map<std::string, std::string> models_in(const std::string& directory) {
  std::map<std::string, std::string> models;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->path().extension() != ".gguf" || !entry->is_regular_file(ignored)) continue;
    const std::string path = entry->path().string();
    const auto name = parse_shard_name(path);
    models.emplace(name ? shard_path(*name, 1) : path, path);
  }
  if (error) fail(ErrorCode::kIo, "cannot list the directory ", directory, ": ", error.message());
  return models;
}

std::string only_model_in(const std::string& directory) {
  const auto models = models_in(directory);
  if (models.size() == 1) return models.begin()->second;
  if (models.empty()) fail(ErrorCode::kInvalidArgument, "the directory ", directory, " holds no .gguf file");
  std::vector<std::string> choices;
  for (const auto& [first, existing] : models) choices.push_back(existing);
  fail(ErrorCode::kInvalidArgument, "the directory ", directory, " holds ", models.size(),
       " models; open one of them: ", list_text(choices));
}

}  // namespace

std::vector<std::string> find_model_paths(const std::string& path) {
  std::error_code ignored;
  const std::string file = fs::is_directory(path, ignored) ? only_model_in(path) : path;
  const auto name = parse_shard_name(file);
  // A path that is not there at all is the user's slip, not a model with shards missing.
  if (!name || !exists(file)) return {file};
  return find_shards(*name);
}

}  // namespace moeflow::gguf
