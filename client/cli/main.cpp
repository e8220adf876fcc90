// The `hirehall` command line.
#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "client/cli/command.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away ends the output, not the submit
  std::ios::sync_with_stdio(false);
  return hirehall::cli::run(std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr);
}
