#include "broker/server/span_exporter.h"

#include <curl/curl.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "common/log.h"

namespace hirehall::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t answer_bytes_max = 64 << 10;
constexpr seconds wait_max{60}, backoff_max{30};
constexpr std::string_view path = "/v1/traces";

std::size_t keep_answer(char* bytes, std::size_t size, std::size_t count, void* to) {
  auto& answer = *static_cast<std::string*>(to);
  answer.append(bytes, std::min(size * count, answer_bytes_max - std::min(answer.size(), answer_bytes_max)));
  return size * count;
}

bool again(long status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::unique_ptr<curl_slist, FreeList> header_list(const std::vector<std::string>& headers) {
  curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/json");
  for (const auto& header : headers) list = curl_slist_append(list, header.c_str());
  return std::unique_ptr<curl_slist, FreeList>(list);
}

}  // namespace

Result<std::string> collector_url(std::string_view given) {
  const auto wrong = [&](const char* why) {
    return fail(Code::invalid, std::string("--traces ") + std::string(given) + ": " + why, "traces");
  };
  const auto scheme = given.find("://");
  if (scheme == std::string_view::npos ||
      (given.substr(0, scheme) != "http" && given.substr(0, scheme) != "https"))
    return wrong("a collector is http://HOST:PORT or https://HOST:PORT");
  const auto host = given.substr(scheme + 3);
  if (host.empty() || host.front() == '/' || host.front() == ':') return wrong("the host is missing");
  if (given.find_first_of(" \t\r\n?#") != std::string_view::npos)
    return wrong("spaces, queries and fragments have no place in it");
  std::string url(given);
  while (url.ends_with('/')) url.pop_back();
  if (!url.ends_with(path)) url += path;
  return url;
}

Result<std::vector<std::string>> load_headers(const std::string& file) {
  std::ifstream in(file);
  if (!in) return fail(Code::io, "the file of headers cannot be read", file);
  std::vector<std::string> headers;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    const auto colon = line.find(':');
    if (colon == 0 || colon == std::string::npos || line.find_first_of(" \t") < colon)
      return fail(Code::invalid, "line " + std::to_string(number) + " is not 'Name: value'", file);
    headers.push_back(std::move(line));
  }
  return headers;
}

SpanExporter::SpanExporter(SpanExporterSettings settings) : settings_(std::move(settings)) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  thread_ = std::thread([this] { run(); });
}

SpanExporter::~SpanExporter() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    stop_by_ = Clock::now() + settings_.stop_within;
  }
  changed_.notify_all();
  thread_.join();
  curl_global_cleanup();
}

void SpanExporter::offer(Span span) {
  std::unique_lock lock(mutex_);
  if (waiting_.size() >= settings_.waiting_max) {
    ++counts_.dropped;
    return;
  }
  waiting_.push_back(std::move(span));
  if (waiting_.size() != settings_.batch_max) return;
  lock.unlock();
  changed_.notify_all();
}

std::size_t SpanExporter::room() const {
  std::lock_guard lock(mutex_);
  return settings_.waiting_max - waiting_.size();
}

void SpanExporter::count_dropped(std::uint64_t spans) {
  std::lock_guard lock(mutex_);
  counts_.dropped += spans;
}

SpanCounts SpanExporter::counts() const {
  std::lock_guard lock(mutex_);
  auto counts = counts_;
  counts.waiting += waiting_.size();
  return counts;
}

void SpanExporter::run() {
  curl_ = curl_easy_init();
  std::vector<Span> batch;
  while (take(batch)) deliver(batch);
  if (curl_ != nullptr) curl_easy_cleanup(curl_);
}

bool SpanExporter::take(std::vector<Span>& batch) {
  batch.clear();
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, settings_.every,
                    [this] { return stop_ || waiting_.size() >= settings_.batch_max; });
  if (stop_ && Clock::now() >= stop_by_) {
    counts_.dropped += waiting_.size();
    waiting_.clear();
  }
  const auto count = std::min(waiting_.size(), settings_.batch_max);
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
  std::move(waiting_.begin(), end, std::back_inserter(batch));
  waiting_.erase(waiting_.begin(), end);
  counts_.waiting = count;
  return !stop_ || !batch.empty();
}

// Until it is taken or refused, or it is no use any more.
void SpanExporter::deliver(std::vector<Span>& batch) {
  if (batch.empty()) return;
  const auto body = encode_spans(batch);
  const auto give_up = Clock::now() + settings_.give_up_after;
  for (seconds backoff{1};; backoff = std::min(backoff * 2, backoff_max)) {
    auto answer = post(body);
    const bool over = Clock::now() >= give_up;
    if (answer.verdict != Answer::Verdict::later || over) return note(answer, batch.size());
    say_away(answer.why);
    if (!rest(std::max(answer.wait, backoff))) return note(answer, batch.size());
  }
}

void SpanExporter::note(const Answer& answer, std::size_t spans) {
  const bool taken = answer.verdict == Answer::Verdict::taken;
  const auto rejected = taken ? std::min<std::uint64_t>(answer.partial.rejected, spans) : 0;
  {
    std::lock_guard lock(mutex_);
    counts_.waiting = 0;
    counts_.rejected += rejected;
    (taken ? counts_.sent : counts_.dropped) += spans - rejected;
  }
  if (!taken) return say_away(answer.why);
  if (rejected != 0)
    log::warn("the collector of traces rejected spans",
              {{"spans", rejected}, {"says", answer.partial.message}});
  if (std::exchange(away_, false))
    log::info("the collector of traces takes spans again", {{"url", settings_.url}});
}

void SpanExporter::say_away(const std::string& why) {
  const auto now = Clock::now();
  if (away_ && now - said_at_ < wait_max) return;
  away_ = true;
  said_at_ = now;
  log::warn("the collector of traces does not take spans; they are dropped when it stays so",
            {{"url", settings_.url}, {"why", why}});
}

SpanExporter::Answer SpanExporter::post(const std::string& body) {
  Answer out;
  auto* curl = static_cast<CURL*>(curl_);
  if (curl == nullptr) {
    out.why = "libcurl cannot be used";
    return out;
  }
  std::string answer;
  char words[CURL_ERROR_SIZE] = "";
  auto headers = header_list(settings_.headers);
  auto patience = settings_.answer_within;
  {
    std::lock_guard lock(mutex_);
    if (stop_) patience = std::chrono::duration_cast<milliseconds>(stop_by_ - Clock::now());
  }
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, settings_.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                   static_cast<long>(std::max<milliseconds::rep>(1, patience.count())));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_answer);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
  if (const auto code = curl_easy_perform(curl); code != CURLE_OK) {
    out.why = words[0] != '\0' ? words : curl_easy_strerror(code);
    return out;
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && status < 300) {
    out.verdict = Answer::Verdict::taken;
    out.partial = read_partial_success(answer);
    return out;
  }
  curl_off_t wait = 0;
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
  out.wait = std::clamp(seconds(wait), seconds(0), wait_max);
  out.verdict = again(status) ? Answer::Verdict::later : Answer::Verdict::refused;
  out.why = "status " + std::to_string(status) + " " + answer.substr(0, 200);
  return out;
}

bool SpanExporter::rest(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return stop_; });
}

}  // namespace hirehall::server
