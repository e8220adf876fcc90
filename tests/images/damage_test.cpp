// A disk that lies: bits rot, files are cut, lost or exchanged behind our back. What was acknowledged is
// either read as it was, or the store is refused with a reason; it never opens with less or with something
// else (I1, I10), and nothing is deleted to make it open.
#include <rocksdb/env.h>

#include <algorithm>
#include <filesystem>

#include "tests/images/judge.h"
#include "tests/images/recording_disk.h"
#include "tests/images/tally.h"
#include "tests/support/scratch.h"

namespace hirehall::images {
namespace {

enum class Damage { bit, zeros, cut, missing, exchanged };
constexpr Damage damages[] = {Damage::bit, Damage::zeros, Damage::cut, Damage::missing, Damage::exchanged};

std::string name_of(Damage damage) {
  switch (damage) {
    case Damage::bit:
      return "one bit";
    case Damage::zeros:
      return "zeros";
    case Damage::cut:
      return "cut";
    case Damage::missing:
      return "missing";
    case Damage::exchanged:
      return "exchanged";
  }
  return "?";
}

bool is_log(const std::string& path) {
  return path.ends_with(".log");
}

class DamageTest : public testing::Test {
 protected:
  // Stopped in order at some moment of a life: the watermark is up to date.
  Image stopped(std::uint64_t& acknowledged) {
    const std::size_t from = operations_.size() / 8;
    const std::size_t until = from + chance_.below(operations_.size() - from);
    Disk disk;
    for (std::size_t i = 0; i <= until; ++i) disk.apply(operations_[i]);
    Image image = disk.crash(Fate::all, chance_);
    acknowledged = until + 1 < operations_.size() ? operations_[until + 1].acknowledged : acknowledged_;
    set_watermark(image, acknowledged);
    return image;
  }

  // False when this damage changes nothing.
  bool hurt(Image& image, const std::string& path, Damage damage) {
    std::string bytes = *image.files.at(path);
    if (bytes.empty()) return false;
    // A flipped bit in the footer of a table may turn its checksums off, and RocksDB's assertions, which
    // Debian leaves on, then end the process: loud enough, and nothing that a test in one process can look
    // at.
    const std::uint64_t footer = path.ends_with(".sst") && damage != Damage::cut ? 64 : 0;
    if (bytes.size() <= footer) return false;
    const std::uint64_t at = chance_.below(bytes.size() - footer);
    switch (damage) {
      case Damage::bit:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << chance_.below(8)));
        break;
      case Damage::zeros: {
        const std::uint64_t page = at / 4096 * 4096;
        const std::uint64_t end = std::min<std::uint64_t>(bytes.size() - footer, page + 4096);
        for (std::uint64_t i = page; i < end; ++i) bytes[i] = 0;
        break;
      }
      case Damage::cut:
        bytes.resize(at);
        break;
      case Damage::missing:
        image.files.erase(path);
        return true;
      case Damage::exchanged: {
        std::vector<std::string> others;
        const auto ending = std::filesystem::path(path).extension();
        for (const auto& [other, content] : image.files)
          if (other != path && std::filesystem::path(other).extension() == ending && *content != bytes)
            others.push_back(other);
        if (others.empty()) return false;
        std::swap(image.files.at(path), image.files.at(others[chance_.below(others.size())]));
        return true;
      }
    }
    if (bytes == *image.files.at(path)) return false;
    image.files.at(path) = std::make_shared<std::string>(std::move(bytes));
    return true;
  }

  // docs/storage.md, "What remains uncovered": a log that is gone whole leaves no trace, nor does a manifest
  // that ends early at the border of a record.
  static bool is_uncovered(Damage damage, const std::string& path) {
    if (path.find("MANIFEST") != std::string::npos) return damage == Damage::cut || damage == Damage::zeros;
    return is_log(path) && (damage == Damage::missing || damage == Damage::exchanged);
  }

  void expect_noticed(const Image& image, const std::string& path, Damage damage,
                      std::uint64_t acknowledged) {
    auto& tally = Tally::of_run();
    if (!tally.is_new(image)) return;
    test::ScratchDirectory scratch(place_for_images());
    image.write_to(scratch / "data");
    const auto verdict = judge(scratch / "data", reference_);
    Operation operation;
    operation.path = path;
    Tally::Row row{1, 0, verdict.opened ? 0u : 1u};
    tally.add("damage",
              std::filesystem::path(path).extension().empty()
                  ? std::filesystem::path(path).stem().string().substr(0, 8)
                  : std::filesystem::path(path).extension().string(),
              name_of(damage), row);
    std::string wrong = verdict.wrong;
    if (verdict.opened && verdict.commit < acknowledged)
      wrong =
          "acknowledged " + std::to_string(acknowledged) + ", recovered " + std::to_string(verdict.commit);
    if (!verdict.opened && verdict.refusal.message.empty()) wrong = "refused without a reason";
    if (verdict.refusal.message.find("nothing was deleted") != std::string::npos)
      wrong += deleted(image, scratch / "data");
    if (!wrong.empty() && !verdict.opened) wrong += " (" + describe(verdict.refusal) + ")";
    if (wrong.empty()) return;
    if (verdict.opened && is_uncovered(damage, path)) {
      ++uncovered_;
      return;
    }
    ADD_FAILURE() << name_of(damage) << " in " << path << ": " << wrong << "\n  "
                  << keep_for_study(image, std::to_string(image.hash()));
  }

  // A refusal that says so must be true.
  static std::string deleted(const Image& image, const std::string& directory) {
    std::string gone;
    for (const auto& [path, bytes] : image.files)
      if ((path.ends_with(".sst") || path.ends_with(".log")) &&
          !std::filesystem::exists(directory + "/" + path))
        gone += " " + path + " was deleted";
    return gone;
  }

  void live() {
    test::ScratchDirectory scratch(place_for_images());
    Recorder recorder(scratch / "data");
    const auto env = make_recording_disk(recorder);
    std::filesystem::create_directories(scratch / "data");
    {
      auto store = store::open_rocksdb(options_at(scratch / "data", env.get()));
      ASSERT_TRUE(store) << describe(store.error());
      Workload workload(**store, &recorder, seed_, {1500, 120});
      workload.run();
      acknowledged_ = workload.acknowledged();
      reference_ = workload.reference();
    }
    operations_ = recorder.operations();
  }

  const std::uint64_t seed_ = seed_of_run();
  Chance chance_{seed_};
  std::vector<Operation> operations_;
  std::uint64_t acknowledged_ = 0;
  Reference reference_;
  std::uint64_t uncovered_ = 0;
};

TEST_F(DamageTest, IsRefusedOrHarmless) {
  live();
  ASSERT_FALSE(HasFailure());
  const int rounds = everything() ? 60 : 6;
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    std::uint64_t acknowledged = 0;
    const Image image = stopped(acknowledged);
    for (const auto& [path, bytes] : image.files) {
      if (!everything() && !chance_.one_in(4)) continue;
      const Damage damage = damages[chance_.below(std::size(damages))];
      Image changed = image;
      if (hurt(changed, path, damage)) expect_noticed(changed, path, damage, acknowledged);
    }
  }
  std::printf("%llu images were damaged in a way that leaves no trace (docs/storage.md)\n",
              static_cast<unsigned long long>(uncovered_));
}

}  // namespace
}  // namespace hirehall::images
