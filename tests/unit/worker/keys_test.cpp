// Key files of a worker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <zmq.hpp>

#include "worker/link.h"

namespace hirehall::worker {
namespace {

namespace fs = std::filesystem;

struct Keys : testing::Test {
  fs::path folder;
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "keys-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    zmq_curve_keypair(public_key, secret_key);
    write("server.pub", public_key, fs::perms::owner_read);
    write("own.key", secret_key, fs::perms::owner_read);
  }
  void TearDown() override { fs::remove_all(folder); }
  std::string write(const std::string& name, const std::string& text, fs::perms mode) {
    auto path = folder / name;
    std::ofstream(path) << text << '\n';
    fs::permissions(path, mode);
    return path.string();
  }
  std::string path(const std::string& name) { return (folder / name).string(); }
  char public_key[41] = {};
  char secret_key[41] = {};
};

TEST_F(Keys, TheOwnPublicKeyFollowsFromTheSecretOne) {
  auto keys = read_keys(path("server.pub"), path("own.key"));
  ASSERT_TRUE(keys) << describe(keys.error());
  EXPECT_EQ(keys->own_public, public_key);
  EXPECT_TRUE(read_keys("", "")->server_public.empty()) << "no files, no keys";
}

TEST_F(Keys, ASecretThatOthersMayReadIsRefused) {
  auto open = write("open.key", secret_key, fs::perms::owner_read | fs::perms::group_read);
  auto keys = read_keys(path("server.pub"), open);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().code, Code::denied);
  EXPECT_EQ(keys.error().context, open);
}

TEST_F(Keys, AFileThatHoldsNoKeyIsNamed) {
  auto empty = write("empty", "nothing here", fs::perms::owner_read);
  EXPECT_EQ(read_keys(empty, path("own.key")).error().context, empty);
  EXPECT_EQ(read_keys(path("missing"), path("own.key")).error().code, Code::not_found);
}

}  // namespace
}  // namespace hirehall::worker
