// Folding what is said about the frame from outside: agent definitions, and what a file says of queues.
#include "broker/engine/ledger.h"

namespace hirehall::engine {

void Ledger::apply(QueueFiled& fact) {
  queues.at(fact.queue).filed = fact.values;
}

void Ledger::apply(AgentDefined& fact) {
  agents.insert_or_assign({fact.name, fact.version}, AgentRecord{fact.digest, fact.types, fact.by, fact.at});
}

void Ledger::apply(AgentForgotten& fact) {
  agents.erase({fact.name, fact.version});
}

}  // namespace hirehall::engine
