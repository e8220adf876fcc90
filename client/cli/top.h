// What `hirehall top` shows: two samples of the broker, the rates between them, a screen of text. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/document.h"
#include "client/cli/screen.h"

namespace hirehall::cli {

struct TopSample {
  std::int64_t at_ms = 0;
  Document stats;
  std::vector<Document> queues, workers;
  std::vector<Document> tasks;    // leased, newest first
  std::vector<Document> tenants;  // of the broker, those with most open tasks first
};

enum class TopTab : std::uint8_t { queues, workers, tasks, tenants };
inline constexpr std::size_t top_tabs = 4;

struct TopView {
  TopTab tab = TopTab::queues;
  std::size_t sort = 0;    // column of the table
  std::size_t scroll = 0;  // rows above the first one shown
  bool paused = false;
  std::int64_t interval_ms = 2'000;
  bool coloured = false;
  std::string broker;
  std::string trouble;  // why there is no newer sample
};

// Per second, between the samples; the same sample twice gives none.
Document top_rates(const TopSample& before, const TopSample& now);
std::vector<Document> top_rows(const TopSample& before, const TopSample& now, TopTab tab);
std::string top_columns(TopTab tab);

std::string top_screen(const TopSample& before, const TopSample& now, TopView& view, ScreenSize size);
Document top_document(const TopSample& before, const TopSample& now);  // --once

}  // namespace hirehall::cli
