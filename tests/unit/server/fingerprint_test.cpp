// Which errors are one kind of trouble.
#include "broker/server/fingerprint.h"

#include <gtest/gtest.h>

namespace hirehall::server {
namespace {

TEST(Fingerprint, LeavesOutNumbersIdsAndQuotedNames) {
  EXPECT_EQ(error_pattern("row 17 of 'orders.csv' failed after 3.5 s"), "row # of \"\" failed after #.# s");
  EXPECT_EQ(error_pattern("request 4f3a9bc0e1 timed\n  out"), "request # timed out");
  EXPECT_EQ(error_pattern("it's broken"), "it's broken") << "one quote alone quotes nothing";
  EXPECT_EQ(error_pattern("deadbeef is a word"), "deadbeef is a word") << "a word without a digit is a word";
}

TEST(Fingerprint, IsOneForOneKindOfTroubleOfOneType) {
  auto one = error_fingerprint("mail", "smtp", "connection 1 to 10.0.0.1 refused");
  EXPECT_EQ(one, error_fingerprint("mail", "smtp", "connection 22 to 10.7.0.9 refused"));
  EXPECT_NE(one, error_fingerprint("fax", "smtp", "connection 1 to 10.0.0.1 refused"));
  EXPECT_NE(one, error_fingerprint("mail", "dns", "connection 1 to 10.0.0.1 refused"));
  EXPECT_EQ(one.size(), 12u);
}

}  // namespace
}  // namespace hirehall::server
