/* Broadcaster::stop: it ends, whatever the shard, its host and the log's threads are
   about, what was accepted is sequenced, and nobody touches a shard that is gone.
   README.md says how to read this.

   One shard. A publisher queues EVENTS events; each may need to be looked up in the
   log first, whose threads call back (Shard::handle_event). stop() comes behind the
   last publish, as its contract says; with HOST the host's thread may end before. */

#ifndef EVENTS
#define EVENTS 2
#endif
#ifndef LOG_THREADS
#define LOG_THREADS 2
#endif
#define NODES (2 * EVENTS)      /* event e is node e, its claim is node EVENTS + e */

bool destroyed = false;         /* the Broadcaster, and so the shard */
#define SHARD_IS_THERE !destroyed
#include "wake_word.inc"

byte next[NODES + 1];
byte own_head = 0;              /* NodeQueue::head_ of Shard::own_ */
byte lookup_threads = 0;        /* Shard::lookup_threads_ */
bit stopping = 0;               /* Broadcaster::Impl::stopping */
chan finds = [EVENTS] of { byte };  /* what the log was asked for */

/* The shard's own. */
byte lookups_outstanding = 0;
byte sequenced = 0;

bool published = false;         /* the publisher's last call has returned */
bool thread_ended = false;      /* the shard's thread can be joined */
bool host_ends = false;         /* the host told its threads to end */

inline own_push(node, old) {
  old = own_head;               /* N1 load */
  do
  :: atomic { old == own_head -> assert(!destroyed); next[node] = old; own_head = node }; break
  :: atomic { old != own_head -> old = own_head }
  od
}

/* Shard::push_own. */
inline push_own(node) {
  own_push(node, old);
  if
  :: old == 0 -> announce(was)
  :: old != 0 ->
    if
    :: wake_pending
    :: !wake_pending -> announce(was)
    fi
  fi;
  old = 0
}

proctype Publisher() {
  byte event = 1;
  byte old = 0;
  bit was = 0;
  do
  :: event <= EVENTS -> push_own(event); event++
  :: event > EVENTS -> break
  od;
  published = true
}

/* The callback that Shard::handle_event gives to the log's find. */
proctype LogThread() {
  byte event;
  byte old = 0;
  bit was = 0;
  do
  :: finds ? event ->
#ifdef MUTATION_LEAVE_BEFORE_PUSH
    atomic { assert(!destroyed); lookup_threads-- };
    push_own(EVENTS + event)
#else
    push_own(EVENTS + event);
    atomic { assert(!destroyed); lookup_threads-- }  /* L2 fetch_sub */
#endif
  :: destroyed -> break
  od
}

/* Shard::run_turn, of which the other queues are mailbox_wakeup.pml's. */
inline run_turn() {
  wake_pending = 0;             /* W2 exchange */
  d_step { node = own_head; own_head = 0 };  /* N3 exchange */
  do
  :: node != 0 && node > EVENTS ->           /* Shard::handle_lookup */
    d_step { lookups_outstanding--; sequenced++; taken = next[node]; next[node] = 0; node = taken }
  :: node != 0 && node <= EVENTS ->          /* Shard::handle_event, without an own id */
    d_step { sequenced++; taken = next[node]; next[node] = 0; node = taken }
  :: node != 0 && node <= EVENTS ->          /* Shard::handle_event, with one */
    lookups_outstanding++;
    lookup_threads++;                        /* fetch_add */
    finds ! node;
    d_step { taken = next[node]; next[node] = 0; node = taken }
  :: node == 0 -> break
  od;
  taken = 0
}

#ifdef HOST
/* The host's loop, until its context is stopped; what is posted then stays. */
proctype ShardThread() {
  byte node = 0;
  byte taken = 0;
  do
  :: posts > 0 -> posts--; run_turn()
  :: host_ends -> break
  od;
  thread_ended = true
}
#else
/* Broadcaster::Impl::run. */
proctype ShardThread() {
  byte node = 0;
  byte taken = 0;
  do
  :: true ->
#ifdef MUTATION_FLAG_BEFORE_TURN
    if
    :: stopping -> break
    :: !stopping
    fi;
    run_turn();
#else
    run_turn();
    if
    :: stopping -> break        /* B1 load */
    :: !stopping
    fi;
#endif
    if
    :: wake_pending             /* spin_for */
    :: true -> wait(false)
    fi
  od;
  thread_ended = true
}
#endif

/* Broadcaster::Impl::drain. The code goes round once more than this, after a round
   that found something. */
inline drain() {
  draining = 1;                 /* relaxed: W1 and W2 order it */
  do
  :: true ->
    run_turn();
    if
    :: wake_pending             /* announced() */
    :: !wake_pending ->
#ifdef MUTATION_LOOKUPS_FORGOTTEN
      break
#else
      if
      :: lookups_outstanding > 0 -> wait(false)
      :: lookups_outstanding == 0 -> break
      fi
#endif
    fi
  od;
#ifndef MUTATION_CALLBACKS_FORGOTTEN
  lookup_threads == 0           /* L1: until a load says so */
#else
  skip
#endif
}

/* Broadcaster::stop, then its destructor. */
proctype Stop() {
  bit was = 0;
  byte node = 0;
  byte taken = 0;
#ifdef HOST
  host_ends = true;             /* ShardThreads::stop */
  thread_ended;
#endif
  published;
#ifdef MUTATION_ANNOUNCE_BEFORE_FLAG
  announce(was);
  stopping = 1;
#else
  stopping = 1;                 /* B2 store */
  announce(was);
#endif
  thread_ended;                 /* join; with HOST it was the host's */
  drain();
  assert(sequenced == EVENTS && own_head == 0);
  destroyed = true
}

init {
  atomic {
    run ShardThread();
    run Publisher();
    run LogThread();
#if LOG_THREADS > 1
    run LogThread();
#endif
    run Stop()
  }
}
