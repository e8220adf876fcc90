// hirehall-broker: options → store → recovery → sockets → the loop.
#include <signal.h>
#include <unistd.h>
#include <zmq.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <new>

#include "broker/server/broker.h"
#include "broker/server/endpoint.h"
#include "broker/server/offline.h"
#include "broker/server/queues_file.h"
#include "broker/server/recovery.h"
#include "broker/server/schedules_file.h"
#include "broker/server/span_exporter.h"
#include "broker/server/zap.h"
#include "broker/store/rocksdb_store.h"
#include "common/log.h"
#include "common/options.h"
#include "common/version.h"

namespace hirehall::server {
namespace {

// Documented in docs/operating.md; the unit starts the broker again after all but 64 and 65.
enum Exit : int {
  exit_ok = 0,
  exit_failed = 1,
  exit_store_failed = 3,
  exit_usage = 64,
  exit_store_refused = 65,
  exit_bind = 69,
  exit_no_memory = 71
};

// Nothing that was acknowledged is only in memory, so the end is as good as that of any crash; a process that
// goes on without memory would be worse. Without an allocation: there is none to have.
[[noreturn]] void out_of_memory() {
  constexpr std::string_view last =
      "hirehall-broker: an allocation failed and the broker ends; nothing that was acknowledged is lost. "
      "Give it "
      "more memory (docs/operating.md), then start it again\n";
  static_cast<void>(!::write(STDERR_FILENO, last.data(), last.size()));
  ::_exit(exit_no_memory);
}

OptionTable declare_options() {
  OptionTable table("hirehall-broker", "The broker: keeps tasks durable and awards them to workers.");
  table.text("data", "", "directory of the store (made when missing)", "DIR")
      .texts("listen", "endpoint for clients and workers: ipc://PATH or tcp://HOST:PORT (port * = any)",
             "ENDPOINT")
      .text("metrics", "127.0.0.1:9420",
            "address for /metrics, /healthz, /readyz; port 0 = any; empty = none", "HOST:PORT")
      .text("ready-file", "", "write the endpoints as JSON to this file once serving", "FILE")
      .text("principals", "", "who may do what, by CURVE key (docs/security.md)", "FILE")
      .text("queues", "", "what queues should be, read at start and on SIGHUP (docs/operating.md)", "FILE")
      .flag("queues-force", "the file of queues wins over what was set by hand")
      .text("schedules", "", "what schedules should be, read at start and on SIGHUP (docs/schedules.md)",
            "FILE")
      .flag("schedules-force", "the file of schedules wins over what was set by hand")
      .text("key-file", "", "the broker's CURVE secret key; TCP then asks for keys", "FILE")
      .flag("insecure", "allow TCP without keys: every peer is an admin")
      .bytes("free-space-min", 1ll << 30, {0, INT64_MAX}, "refuse submits when the disk has less free space")
      .bytes("window-bytes", static_cast<std::int64_t>(limits::window_bytes), {1 << 20, INT64_MAX},
             "memory for queued tasks, all lines together")
      .bytes("snapshot-bytes", 64ll << 20, {1 << 12, INT64_MAX},
             "facts and bodies between two snapshots: what a start has to read, and what retention spares")
      .duration("lease", limits::lease_ms, {1000, 3600000}, "how long a silent worker keeps its leases")
      .duration("room-patience", scheduler::room_patience_ms, {0, 86'400'000},
                "how long a task waits for resources before a worker keeps room for it; 0: none is kept")
      .choice("log-level", "info", {"debug", "info", "warn", "error", "off"},
              "least important messages that are logged")
      .text("backups", "", "folder for backups; another disk than the store's (docs/operating.md)", "DIR")
      .number("backup-keep", 7, {0, 100000}, "the newest backups that stay when one is made; 0: all")
      .duration("backup-every", 0, {0, INT64_C(86'400'000) * 365},
                "make a backup by itself so often; 0: never")
      .bytes("backup-rate", 0, {0, INT64_MAX}, "most bytes a second that a backup copies; 0: no limit")
      .text("traces", "", "collector that takes spans of attempts as OTLP/HTTP (docs/tracing.md)", "URL")
      .text("traces-headers", "", "lines 'Name: value' sent to the collector, such as its token", "FILE")
      .number("traces-share", 100, {0, 100},
              "percent of the tasks without a trace of their own that are traced")
      .flag("accept-loss", "open a store that has fewer commits than it acknowledged (after a disk failure)")
      .epilogue(
          "Subcommands: hirehall-broker inspect --data DIR, hirehall-broker verify --data DIR, "
          "hirehall-broker "
          "restore --backups DIR --data DIR (broker stopped).\n"
          "Exit codes: 0 stopped, 1 failed, 3 a write to the store failed, 64 wrong options, 65 the store "
          "cannot be opened, "
          "69 an endpoint cannot be bound, 71 out of memory.")
      .section(8);
  return table;
}

int complain(int code, const Error& error) {
  std::fprintf(stderr, "hirehall-broker: %s\n", describe(error).c_str());
  return code;
}

Broker* running = nullptr;

void on_signal(int number) {
  if (running == nullptr) return;
  if (number == SIGHUP)
    running->reload();
  else
    running->stop();
}

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

Status write_ready_file(const std::string& path, const std::vector<std::string>& endpoints,
                        const std::string& metrics) {
  if (path.empty()) return {};
  auto temporary = path + ".new";
  {
    std::ofstream out(temporary);
    out << "{\"listen\": [";
    for (std::size_t i = 0; i < endpoints.size(); ++i)
      out << (i == 0 ? "" : ", ") << '"' << endpoints[i] << '"';
    out << "], \"metrics\": \"" << metrics << "\"}\n";
    if (!out.flush()) return fail(Code::io, "the ready file cannot be written", temporary);
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0)
    return fail(Code::io, "the ready file cannot be put in place", path);
  return {};
}

Result<SpanExporterSettings> read_traces(const OptionValues& options) {
  SpanExporterSettings settings;
  auto url = collector_url(options.text("traces"));
  if (!url) return tl::unexpected(url.error());
  settings.url = std::move(*url);
  if (options.text("traces-headers").empty()) return settings;
  auto headers = load_headers(options.text("traces-headers"));
  if (!headers) return tl::unexpected(headers.error());
  settings.headers = std::move(*headers);
  return settings;
}

class Context {
 public:
  Context() : context_(zmq_ctx_new()) {}
  ~Context() {
    if (router_ != nullptr) zmq_close(router_);
    zap_.reset();
    zmq_ctx_term(context_);
  }
  void* router() {
    if (router_ == nullptr) {
      router_ = zmq_socket(context_, ZMQ_ROUTER);
      set(ZMQ_ROUTER_MANDATORY, 1);
      set(ZMQ_LINGER, 0);
      set(ZMQ_SNDHWM, 10000);
      set(ZMQ_RCVHWM, 10000);
      set(ZMQ_BACKLOG, 4096);
      set(ZMQ_HANDSHAKE_IVL, 5000);
      // The kernel finds dead hosts within 30 s. Heartbeats of the library would, too, but each has a timer,
      // and to take one back it walks over those of all connections: with thousands of them nobody else is
      // served.
      set(ZMQ_TCP_KEEPALIVE, 1);
      set(ZMQ_TCP_KEEPALIVE_IDLE, 10);
      set(ZMQ_TCP_KEEPALIVE_INTVL, 10);
      set(ZMQ_TCP_KEEPALIVE_CNT, 2);
      set(ZMQ_TCP_MAXRT, 30000);
      std::int64_t frame = limits::frame_bytes_max;
      zmq_setsockopt(router_, ZMQ_MAXMSGSIZE, &frame, sizeof frame);
    }
    return router_;
  }
  void* get() { return context_; }
  std::unique_ptr<ZapHandler> zap_;

 private:
  void set(int option, int value) { zmq_setsockopt(router_, option, &value, sizeof value); }
  void* context_;
  void* router_ = nullptr;
};

int serve(const OptionValues& options) {
  if (options.text("data").empty())
    return complain(exit_usage, {Code::invalid, "--data DIR is needed: where the tasks are kept", "data", 0});
  auto listen = options.texts("listen");
  if (listen.empty())
    return complain(exit_usage, {Code::invalid,
                                 "--listen ENDPOINT is needed, for instance ipc:///run/hirehall/broker.ipc",
                                 "listen", 0});
  log::setup("hirehall-broker", *log::level_from_name(options.text("log-level")));

  PrincipalBook book;
  if (!options.text("principals").empty())
    if (auto loaded = book.reload(options.text("principals")); !loaded)
      return complain(exit_usage, loaded.error());
  if (!options.text("queues").empty())
    if (auto loaded = load_queues(options.text("queues")); !loaded)
      return complain(exit_usage, loaded.error());
  if (!options.text("schedules").empty())
    if (auto loaded = load_schedules(options.text("schedules")); !loaded)
      return complain(exit_usage, loaded.error());
  std::optional<CurveKeys> keys;
  if (!options.text("key-file").empty()) {
    auto loaded = load_curve_keys(options.text("key-file"));
    if (!loaded) return complain(exit_usage, loaded.error());
    keys = std::move(*loaded);
  }
  ListenPolicy policy{options.flag("insecure"), keys ? &*keys : nullptr};
  std::vector<Endpoint> endpoints;
  for (const auto& text : listen) {
    auto endpoint = parse_endpoint(text);
    if (!endpoint) return complain(exit_usage, endpoint.error());
    if (auto fine = check_endpoint(*endpoint, policy); !fine) return complain(exit_usage, fine.error());
    endpoints.push_back(std::move(*endpoint));
  }

  std::optional<SpanExporterSettings> traces;
  if (!options.text("traces").empty()) {
    auto read = read_traces(options);
    if (!read) return complain(exit_usage, read.error());
    traces = std::move(*read);
  }

  Notifier notifier;
  notifier.status("opening the store");
  store::RocksdbOptions store_options;
  store_options.path = options.text("data");
  store_options.accept_loss = options.flag("accept-loss");
  store_options.space.free_bytes_min = static_cast<std::uint64_t>(options.number("free-space-min"));
  store_options.space.free_bytes_exact = options.from("free-space-min") != OptionValues::From::fallback;
  auto store = store::open_rocksdb(store_options);
  if (!store) return complain(exit_store_refused, store.error());

  engine::Engine::Settings settings;
  settings.lease_ms = options.number("lease");
  settings.room_patience_ms = options.number("room-patience");
  settings.window_bytes = static_cast<std::uint64_t>(options.number("window-bytes"));
  settings.snapshot_bytes = static_cast<std::uint64_t>(options.number("snapshot-bytes"));
  settings.incarnation = (*store)->identity().incarnation;
  if (traces)
    settings.tell_attempts = options.number("traces-share") == 0 ? engine::Engine::Settings::Tell::traced
                                                                 : engine::Engine::Settings::Tell::all;
  settings.seed = (*store)->last_commit() * 0x9e3779b97f4a7c15ull + 1;
  auto recovered = recover(**store, settings, [&](const std::string& what) {
    notifier.extend_timeout(30'000'000, what);
    log::info("recovering", {{"progress", what}});
  });
  if (!recovered) return complain(exit_store_refused, recovered.error());
  timespec wall{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  EngineClock clock(recovered->engine->ledger().now, MetricsServer::monotonic_ms(),
                    wall.tv_sec * 1000 + wall.tv_nsec / 1000000);
  recovered->engine->start(clock.now());
  if (recovered->replayed != 0)
    log::info("recovered", {{"snapshot", recovered->snapshot}, {"replayed", recovered->replayed}});

  std::unique_ptr<BackupKeeper> backups;
  if (BackupSettings wanted; !options.text("backups").empty()) {
    wanted.folder = options.text("backups");
    wanted.keep = static_cast<std::size_t>(options.number("backup-keep"));
    wanted.every_ms = options.number("backup-every");
    wanted.bytes_per_second = static_cast<std::uint64_t>(options.number("backup-rate"));
    if (auto prepared = BackupKeeper::prepare(**store, wanted); !prepared)
      return complain(exit_usage, prepared.error());
    backups = std::make_unique<BackupKeeper>(**store, wanted);
  }

  std::unique_ptr<MetricsServer> metrics;
  if (!options.text("metrics").empty()) {
    auto started = MetricsServer::start(options.text("metrics"));
    if (!started) return complain(exit_bind, started.error());
    metrics = std::move(*started);
  }

  std::unique_ptr<SpanExporter> spans;
  if (traces) spans = std::make_unique<SpanExporter>(*traces);

  Context context;
  int status = exit_ok;
  {
    auto zap = ZapHandler::start(context.get(), book, [](const Error& error) {
      log::error("authentication ended, and so does the broker", error);
      if (running != nullptr) running->stop();
    });
    if (!zap) return complain(exit_failed, zap.error());
    context.zap_ = std::move(*zap);
    std::vector<std::string> bound;
    for (const auto& endpoint : endpoints) {
      auto at = bind_endpoint(context.router(), endpoint, policy);
      if (!at) return complain(exit_bind, at.error());
      bound.push_back(*at);
    }
    BrokerParts parts;
    parts.store = store->get();
    parts.engine = recovered->engine.get();
    parts.principals = &book;
    parts.metrics = metrics.get();
    parts.notifier = &notifier;
    parts.backups = backups.get();
    parts.principals_path = options.text("principals");
    parts.queues_path = options.text("queues");
    parts.queues_force = options.flag("queues-force");
    parts.schedules_path = options.text("schedules");
    parts.schedules_force = options.flag("schedules-force");
    parts.spans = spans.get();
    parts.traces_share = static_cast<unsigned>(options.number("traces-share"));
    parts.zap_counts = [&] {
      auto counts = context.zap_->counts();
      return std::pair{counts.accepted, counts.refused};
    };
    auto surroundings = zmq_surroundings(context.router());
    Broker broker(parts, *surroundings, clock);
    running = &broker;
    catch_signals();
    if (auto written = write_ready_file(options.text("ready-file"), bound, metrics ? metrics->address() : "");
        !written)
      return complain(exit_usage, written.error());
    for (const auto& at : bound) log::info("serving", {{"endpoint", at}});
    notifier.ready("serving");
    if (auto ended = broker.run(); !ended) status = (*store)->failure() ? exit_store_failed : exit_failed;
    running = nullptr;
  }
  for (const auto& endpoint : endpoints)
    if (endpoint.transport == Transport::ipc) ::remove(endpoint.path.c_str());
  return status;
}

int run(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "inspect" || verb == "verify" || verb == "restore") return run_offline(argc - 1, argv + 1);
  auto table = declare_options();
  auto options = table.parse(argc, argv);
  if (!options) return complain(exit_usage, options.error());
  if (options->answer()) {
    std::cout << *options->answer();
    return exit_ok;
  }
  std::set_new_handler(out_of_memory);
  return serve(*options);
}

}  // namespace
}  // namespace hirehall::server

int main(int argc, char** argv) {
  return hirehall::server::run(argc, argv);
}
