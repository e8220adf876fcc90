/* The interface between hirehall-worker and an agent that is a shared object. Version 1.
 *
 * An agent exports four functions with C linkage:
 *
 *   uint32_t hirehall_agent_api_version(void);               returns HIREHALL_AGENT_API
 *   void*    hirehall_agent_create(const hirehall_agent_config*);   one instance per slot; NULL refuses
 *   int      hirehall_agent_run(void* agent, const hirehall_task*, const hirehall_host*, hirehall_result*);
 *   void     hirehall_agent_destroy(void* agent);
 *
 * and, if its definition says `bids: true`, a fifth one:
 *
 *   int      hirehall_agent_bid(void* agent, const hirehall_call*, double* price);
 *
 * bid() says what the agent wants for a task that is auctioned. It is called in an instance that only bids,
 * in a process of its own, with HIREHALL_ROLE=bidder in the environment.
 *
 * run() does one attempt and returns a hirehall_outcome. The worker calls the functions of one instance one
 * at a time, of different instances at the same time. Nothing may be thrown across the border.
 *
 * Rules of the structs: every struct starts with its size. A newer worker appends fields; an agent reads a
 * field only if struct_size covers it (HIREHALL_HAS). Bytes are not terminated by zero, and what the worker
 * passes in is valid until run() returns. What the agent puts in the result stays its own and must stay valid
 * until its next call.
 *
 * By default the worker loads an agent in a child process of its own: a crash, a hang or a leak costs one
 * attempt.
 */
#ifndef HIREHALL_AGENT_H
#define HIREHALL_AGENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HIREHALL_AGENT_API 1u
#define HIREHALL_HAS(object, field) \
  ((object)->struct_size >= offsetof(__typeof__(*(object)), field) + sizeof((object)->field))

#if defined(__GNUC__)
#define HIREHALL_EXPORT __attribute__((visibility("default")))
#else
#define HIREHALL_EXPORT
#endif

typedef struct hirehall_bytes {
  const char* data; /* may be NULL when size is 0 */
  size_t size;
} hirehall_bytes;

typedef struct hirehall_agent_config {
  size_t struct_size;
  hirehall_bytes name; /* of the definition */
  hirehall_bytes version;
  hirehall_bytes prompt; /* the body of the definition */
} hirehall_agent_config;

typedef struct hirehall_task {
  size_t struct_size;
  hirehall_bytes id; /* 16 bytes; the same in every attempt */
  hirehall_bytes type;
  hirehall_bytes queue;
  hirehall_bytes tenant;
  hirehall_bytes content_type; /* of the payload */
  hirehall_bytes payload;
  hirehall_bytes extras; /* an encoded msgpack map, or empty: context, labels, description, deadline, trace,
                            trace_origin, tracestate, baggage, features, … */
  hirehall_bytes checkpoint; /* what the last attempt saved, or empty */
  hirehall_bytes answer;     /* to a suspended task, or empty */
  uint32_t attempt;          /* from 1 */
} hirehall_task;

/* What an agent may ask of the worker during run(), from the thread of run(). */
typedef struct hirehall_host {
  size_t struct_size;
  void* self;                   /* first argument of each function below */
  int (*cancelled)(void* self); /* not 0: stop soon and return; look often */
  void (*progress)(void* self, uint64_t done, uint64_t total,
                   hirehall_bytes message);             /* also a sign of life */
  void (*checkpoint)(void* self, hirehall_bytes state); /* at most 1 MiB; the next attempt starts from it */
  void (*log)(void* self, hirehall_bytes line);
  void (*usage)(void* self, const char* what, double amount); /* adds up: "tokens_in", "cost_usd", … */
} hirehall_host;

enum hirehall_outcome {
  HIREHALL_SUCCEEDED = 0,
  HIREHALL_FAILED = 1,       /* may be tried again */
  HIREHALL_FAILED_FINAL = 2, /* may not */
  HIREHALL_INTERRUPTED = 4,  /* not finished and not failed: hand it back */
  HIREHALL_CANCELLED = 5,    /* after cancelled() */
  HIREHALL_SNOOZED = 6,      /* run it again after delay_ms */
  HIREHALL_SUSPENDED = 7     /* run it again when it has been answered; suspended_on says by what */
};

typedef struct hirehall_result {
  size_t struct_size;
  hirehall_bytes data;         /* at most 1 MiB */
  hirehall_bytes content_type; /* empty: application/json */
  hirehall_bytes error_code;   /* a short word that programs may compare */
  hirehall_bytes error;        /* a sentence for people */
  hirehall_bytes suspended_on; /* input, approval, signal */
  int64_t delay_ms;            /* snoozed: how long; failed: the least delay of the retry */
  hirehall_bytes
      question; /* suspended: JSON {"question", "options" or "form", "timeout_ms", "default", "who"} */
  hirehall_bytes service; /* failed: the outside service whose fault it is, one of the definition's
                             `services`; with delay_ms: it said when to come back */
} hirehall_result;

/* A task that is put up for live bids. Nobody hears what others bid. */
typedef struct hirehall_call {
  size_t struct_size;
  hirehall_bytes type;
  hirehall_bytes queue;
  hirehall_bytes tenant;
  hirehall_bytes content_type; /* of the payload */
  uint64_t payload_bytes;
  uint32_t priority;
  int64_t left_ms;         /* until a bid is too late; a later one is not told to anybody */
  int64_t deadline_ms;     /* of the task, milliseconds since 1970; 0: none */
  int64_t effort_ms;       /* as estimated by who submitted it; 0: not at all */
  hirehall_bytes features; /* what its submitter says of it: an encoded msgpack map of names to numbers or
                              texts, or empty. Read it if HIREHALL_HAS(call, features) */
} hirehall_call;

enum hirehall_offer {
  HIREHALL_BIDS = 0,    /* *price says what it wants, in cost units: 0 to 1e6 */
  HIREHALL_DECLINES = 1 /* it does not want the task */
};

HIREHALL_EXPORT uint32_t hirehall_agent_api_version(void);
HIREHALL_EXPORT void* hirehall_agent_create(const hirehall_agent_config* config);
HIREHALL_EXPORT int hirehall_agent_run(void* agent, const hirehall_task* task, const hirehall_host* host,
                                       hirehall_result* result);
HIREHALL_EXPORT void hirehall_agent_destroy(void* agent);
/* optional */
HIREHALL_EXPORT int hirehall_agent_bid(void* agent, const hirehall_call* call, double* price);

#ifdef __cplusplus
}
#endif

#endif
