#include "broker/store/backup_manifest.h"

#include <nlohmann/json.hpp>

#include "broker/store/copying.h"

namespace hirehall::store {

namespace {

constexpr std::string_view head_word = "hirehall-backup ";

tl::unexpected<Error> damaged(const std::string& what, const std::string& path) {
  return fail(Code::corrupt, "the list of the backup's files is damaged (" + what + "); use another backup",
              path);
}

// A name of one file, never a way out of the folder.
bool plain(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string::npos;
}

}  // namespace

std::uint64_t BackupManifest::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& file : files) sum += file.bytes;
  return sum;
}

std::string encode(const BackupManifest& manifest) {
  nlohmann::ordered_json out;
  out["number"] = manifest.number;
  out["began_at"] = manifest.began_at;
  out["took_ms"] = manifest.took_ms;
  out["store_tag"] = manifest.store_tag;
  out["shard"] = manifest.shard;
  out["incarnation"] = manifest.incarnation;
  out["commit"] = manifest.commit;
  out["bytes"] = manifest.bytes();
  out["copied_bytes"] = manifest.copied_bytes;
  out["software"] = manifest.software;
  auto& files = out["files"] = nlohmann::ordered_json::array();
  for (const auto& file : manifest.files) {
    nlohmann::ordered_json one;
    one["name"] = file.name;
    if (!file.stored.empty()) one["stored"] = file.stored;
    one["bytes"] = file.bytes;
    one["blake2b"] = file.digest;
    files.push_back(std::move(one));
  }
  const std::string body = out.dump(1) + "\n";
  return std::string(head_word) + std::to_string(backup_format_version) + " " + digest_of_bytes(body) + "\n" +
         body;
}

Result<BackupManifest> decode_backup_manifest(std::string_view text, const std::string& path) {
  const auto line = text.find('\n');
  if (line == std::string_view::npos || !text.starts_with(head_word)) return damaged("no head", path);
  const auto head = text.substr(head_word.size(), line - head_word.size());
  const auto space = head.find(' ');
  if (space == std::string_view::npos) return damaged("no digest", path);
  if (head.substr(0, space) != std::to_string(backup_format_version))
    return fail(Code::unsupported,
                "the backup has format " + std::string(head.substr(0, space)) +
                    " and this program knows format " + std::to_string(backup_format_version) +
                    "; use the program version that wrote it",
                path);
  const auto body = text.substr(line + 1);
  if (digest_of_bytes(body) != head.substr(space + 1)) return damaged("its digest is another", path);
  try {
    const auto in = nlohmann::json::parse(body);
    BackupManifest out;
    out.number = in.at("number");
    out.began_at = in.at("began_at");
    out.took_ms = in.at("took_ms");
    out.store_tag = in.at("store_tag");
    out.shard = in.at("shard");
    out.incarnation = in.at("incarnation");
    out.commit = in.at("commit");
    out.copied_bytes = in.at("copied_bytes");
    out.software = in.at("software");
    for (const auto& one : in.at("files")) {
      BackupFile file{one.at("name"), one.value("stored", ""), one.at("bytes"), one.at("blake2b")};
      if (!plain(file.name) || (!file.stored.empty() && !plain(file.stored)))
        return damaged("a file's name", path);
      out.files.push_back(std::move(file));
    }
    return out;
  } catch (const nlohmann::json::exception& wrong) {
    return damaged(wrong.what(), path);
  }
}

}  // namespace hirehall::store
