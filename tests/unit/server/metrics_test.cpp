#include "broker/server/metrics.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>
#include <string>

#include "broker/server/metrics_text.h"
#include "common/wire.h"
#include "tests/unit/server/scratch.h"

namespace hirehall::server {
namespace {

using testing::Test;

QueueProbe busy_queue(const std::string& name) {
  QueueProbe queue;
  queue.queue = name;
  queue.tasks[static_cast<std::size_t>(State::ready)] = 3;
  queue.tasks[static_cast<std::size_t>(State::succeeded)] = 99;
  queue.submitted = 7;
  queue.attempts[static_cast<std::size_t>(Outcome::succeeded)] = 4;
  queue.dead = 1;
  queue.oldest_ms = 1500;
  queue.wait.add_us(100);
  queue.wait.add_us(101, 2);
  queue.run.add_us(7'200'000'000);
  return queue;
}

MetricsPage page_of(std::size_t queues) {
  MetricsPage page;
  for (std::size_t i = 0; i < queues; ++i) page.queues.push_back(busy_queue("q" + std::to_string(i)));
  page.messages[static_cast<std::size_t>(wire::Kind::submit)] = 5;
  page.messages[0] = 2;
  page.refused[static_cast<std::size_t>(Code::busy)] = 6;
  page.books = {10, 1, 2, 3, 2, 2};
  page.commit.add_us(900, 11);
  page.commits = 11;
  return page;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

std::size_t series(const std::string& text) {
  std::istringstream lines(text);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line);) count += line.empty() || line.front() == '#' ? 0u : 1u;
  return count;
}

TEST(MetricsText, shows_what_was_counted) {
  const auto text = render_page(page_of(1), read_process_figures());
  for (const auto* line : {
           "hirehall_tasks{queue=\"q0\",state=\"ready\"} 3",
           "hirehall_tasks_submitted_total{queue=\"q0\"} 7",
           "hirehall_task_attempts_total{queue=\"q0\",outcome=\"succeeded\"} 4",
           "hirehall_dead_letters{queue=\"q0\"} 1",
           "hirehall_queue_oldest_task_age_seconds{queue=\"q0\"} 1.5",
           "hirehall_task_wait_seconds_bucket{queue=\"q0\",le=\"0.0001\"} 1",
           "hirehall_task_wait_seconds_count{queue=\"q0\"} 3",
           "hirehall_task_run_seconds_bucket{queue=\"q0\",le=\"3600\"} 0",
           "hirehall_task_run_seconds_bucket{queue=\"q0\",le=\"+Inf\"} 1",
           "hirehall_task_run_seconds_sum{queue=\"q0\"} 7200",
           "hirehall_messages_total{kind=\"submit\"} 5",
           "hirehall_messages_total{kind=\"other\"} 2",
           "hirehall_refused_total{code=\"busy\"} 6",
           "hirehall_books_tasks{account=\"accepted\"} 10",
           "hirehall_commits_total 11",
           "hirehall_commit_seconds_count 11",
           "hirehall_ready 1",
       }) {
    EXPECT_TRUE(has_line(text, line)) << line << "\nis missing in\n" << text;
  }
  EXPECT_NE(text.find("hirehall_build_info{version=\""), std::string::npos);
  EXPECT_EQ(text.find("state=\"succeeded\""), std::string::npos) << "ended tasks stand in the books";
}

TEST(MetricsText, knows_the_process) {
  const auto figures = read_process_figures();
  EXPECT_GT(figures.resident_bytes, 0u);
  EXPECT_GE(figures.virtual_bytes, figures.resident_bytes);
  EXPECT_GT(figures.open_files, 2u);
  EXPECT_GE(figures.open_files_max, figures.open_files);
  EXPECT_GE(figures.threads, 1u);
  EXPECT_GT(figures.start_time_seconds, 1e9);
}

TEST(MetricsText, has_a_bounded_number_of_series_whatever_the_number_of_queues) {
  const auto some = series(render_page(page_of(queues_shown_max + 1), {}));
  const auto page = page_of(4000);
  const auto text = render_page(page, {});
  EXPECT_EQ(series(text), some);
  EXPECT_TRUE(has_line(text, "hirehall_tasks_submitted_total{queue=\"_rest\"} " +
                                 std::to_string(7 * (4000 - queues_shown_max))));
  EXPECT_EQ(text.find("tenant="), std::string::npos);
}

TEST(MetricsText, of_a_hostile_queue_name_stays_one_line) {
  MetricsPage page;
  page.queues.push_back(busy_queue("a\"} 1\nhirehall_ready 0 \\"));
  const auto text = render_page(page, {});
  EXPECT_TRUE(has_line(text, "hirehall_dead_letters{queue=\"a\\\"} 1\\nhirehall_ready 0 \\\\\"} 1")) << text;
}

TEST(MetricsText, is_what_promtool_likes) {
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "promtool is not installed";
  const Scratch scratch;
  const auto file = scratch.file("page", render_page(page_of(3), read_process_figures()), 0600);
  const auto said = scratch.path("said");
  EXPECT_EQ(std::system(("promtool check metrics <" + file + " >" + said + " 2>&1").c_str()), 0);
  EXPECT_EQ(std::filesystem::file_size(said), 0u) << std::ifstream(said).rdbuf();
}

TEST(DurationHistogram, puts_a_bound_into_its_own_bucket) {
  DurationHistogram histogram;
  histogram.add_us(-5);
  histogram.add_us(100);
  histogram.add_us(101);
  EXPECT_EQ(histogram.counts[0], 2u);
  EXPECT_EQ(histogram.counts[1], 1u);
  EXPECT_EQ(histogram.total(), 3u);
  EXPECT_EQ(histogram.sum_us, 201u);
}

// The whole answer of an HTTP/1.0 request.
std::string http(const std::string& address, const std::string& request) {
  const auto colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string answer;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 &&
      ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    std::array<char, 4096> part{};
    for (ssize_t got = 0; (got = ::recv(fd, part.data(), part.size(), 0)) > 0;) {
      answer.append(part.data(), static_cast<std::size_t>(got));
    }
  }
  ::close(fd);
  return answer;
}

std::string get(const MetricsServer& server, const std::string& path) {
  return http(server.address(), "GET " + path + " HTTP/1.0\r\n\r\n");
}

class MetricsServing : public Test {
 protected:
  void SetUp() override {
    auto started = MetricsServer::start("127.0.0.1:0");
    ASSERT_TRUE(started) << describe(started.error());
    server = std::move(*started);
  }
  void publish(MetricsPage page) {
    server->publish(std::make_shared<const MetricsPage>(std::move(page)), MetricsServer::monotonic_ms());
  }
  std::unique_ptr<MetricsServer> server;
};

TEST_F(MetricsServing, is_neither_healthy_nor_ready_before_the_first_page) {
  EXPECT_TRUE(get(*server, "/healthz").starts_with("HTTP/1.1 503"));
  EXPECT_TRUE(get(*server, "/readyz").starts_with("HTTP/1.1 503"));
  EXPECT_TRUE(get(*server, "/metrics").starts_with("HTTP/1.1 503"));
}

TEST_F(MetricsServing, shows_the_page_that_was_published_last) {
  publish(page_of(1));
  EXPECT_NE(get(*server, "/metrics").find("hirehall_commits_total 11"), std::string::npos);
  auto page = page_of(1);
  page.commits = 12;
  publish(page);
  const auto answer = get(*server, "/metrics");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  EXPECT_NE(answer.find("text/plain; version=0.0.4"), std::string::npos);
  EXPECT_NE(answer.find("hirehall_commits_total 12"), std::string::npos);
}

TEST_F(MetricsServing, is_unhealthy_when_the_loop_has_not_turned_for_five_seconds) {
  const auto now = MetricsServer::monotonic_ms();
  server->turned(now - 6000);
  const auto dead = get(*server, "/healthz");
  EXPECT_TRUE(dead.starts_with("HTTP/1.1 503"));
  EXPECT_NE(dead.find("has not turned"), std::string::npos) << dead;
  server->turned(now);
  EXPECT_TRUE(get(*server, "/healthz").starts_with("HTTP/1.1 200"));
}

TEST_F(MetricsServing, says_why_it_is_not_ready) {
  publish({});
  EXPECT_TRUE(get(*server, "/readyz").starts_with("HTTP/1.1 200"));
  MetricsPage page;
  page.not_ready = "disk_full: 1 GiB free, submits need 2 GiB";
  publish(page);
  const auto answer = get(*server, "/readyz");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503"));
  EXPECT_NE(answer.find(page.not_ready), std::string::npos) << answer;
  EXPECT_TRUE(get(*server, "/healthz").starts_with("HTTP/1.1 200")) << "a full disk is no reason to restart";
}

TEST_F(MetricsServing, answers_nothing_else) {
  publish({});
  for (const auto* path : {"/", "/metrics/", "/../etc/passwd", "/etc/passwd"}) {
    const auto answer = get(*server, path);
    EXPECT_FALSE(answer.starts_with("HTTP/1.1 200")) << path << ": " << answer;
  }
  EXPECT_TRUE(http(server->address(), "POST /metrics HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
                  .starts_with("HTTP/1.1 405"));
  const auto head = http(server->address(), "HEAD /readyz HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

TEST_F(MetricsServing, wants_a_page_five_times_a_second) {
  EXPECT_TRUE(server->due(1000));
  server->publish(std::make_shared<const MetricsPage>(), 1000);
  EXPECT_FALSE(server->due(1199));
  EXPECT_TRUE(server->due(1200));
}

TEST_F(MetricsServing, on_a_port_that_is_taken_says_so) {
  const auto second = MetricsServer::start(server->address());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
  EXPECT_EQ(second.error().context, server->address());
  EXPECT_NE(second.error().message.find("Address already in use"), std::string::npos)
      << second.error().message;
}

TEST(MetricsAddress, is_loopback_or_refused) {
  for (const auto* address : {"0.0.0.0:0", "10.0.0.1:9420", ":9420", "127.0.0.1", "127.0.0.1:x",
                              "127.0.0.1:70000", "example.org:80", "127.0.0.1.example.org:80", "",
                              "127.0.0.1:1,0.0.0.0:2", "127.0.0.1:1s", "[::1]:9420"}) {
    EXPECT_FALSE(MetricsServer::start(address)) << address;
  }
}

}  // namespace
}  // namespace hirehall::server
