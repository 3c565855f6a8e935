/* From a producer's push to the shard's turn: what is queued is delivered, in each
   producer's order, and no shard sleeps on it. README.md says how to read this.

   Users 0 .. MAILBOXES-1 have a mailbox; user OWN has none, its events take the
   shard's own queue; user RELAY stands for the broadcasts that another shard hands
   over (Shard::relay; Shard::release_claim has the same two steps). Each producer
   picks a user for each of its events. */

#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef EVENTS
#define EVENTS 2
#endif
#ifndef MAILBOXES
#define MAILBOXES 1
#endif
/* Mailboxes that one try_dequeue_bulk may return: 64 in the code. */
#define BATCH 2
#define OWN MAILBOXES
#define RELAY (MAILBOXES + 1)
#define USERS (MAILBOXES + 2)
#define NODES (PRODUCERS * EVENTS)
/* Node 0 is null; node 1 + p * EVENTS + e is the event e of producer p. */
#define producer_of(node) (((node) - 1) / EVENTS)
#define event_of(node) (((node) - 1) % EVENTS)
#define all_delivered (delivered == NODES)

#include "wake_word.inc"

byte next[NODES + 1];               /* Node::next */
byte head[MAILBOXES];               /* Mailbox::head_, of one generation */
byte own_head = 0;                  /* NodeQueue::head_ of Shard::own_ */
/* moodycamel's queues: one order for each producer, none between them. */
chan ready[PRODUCERS] = [EVENTS] of { byte };
chan relays[PRODUCERS] = [EVENTS] of { byte };

/* The shard's own, and what the properties are said with. */
chan pending[MAILBOXES] = [NODES] of { byte };
chan own_list = [NODES] of { byte };
chan ring = [MAILBOXES] of { byte };
bool in_ring[MAILBOXES];
bool scheduled[MAILBOXES];          /* a producer was first and its mailbox not yet taken */
bool in_ready[MAILBOXES];
byte delivered = 0;
byte seen[PRODUCERS * USERS];       /* the last event delivered, plus one */

/* Mailbox::push. `old` becomes the head that the node was put before; 0: first. */
inline mailbox_push(m, node, old) {
  old = head[m];                    /* M2 load */
#ifdef MUTATION_FIRST_BY_LOAD
  loaded = old;
#endif
  do
  :: atomic {
      old == head[m] ->             /* M3 compare-exchange; node->next is private before it */
      next[node] = old;
      head[m] = node;
#ifdef MUTATION_FIRST_BY_LOAD
      old = loaded;
#endif
      if
      :: old == 0 -> assert(!scheduled[m]); scheduled[m] = true
      :: else
      fi
    };
    break
  :: atomic { old != head[m] -> old = head[m] }  /* M3 failed: it loads the head */
  od
}

/* NodeQueue::push. */
inline own_push(node, old) {
  old = own_head;                   /* N1 load */
  do
  :: atomic { old == own_head -> next[node] = old; own_head = node }; break  /* N2 */
  :: atomic { old != own_head -> old = own_head }
  od
}

/* Shard::push_own: if (own_.push(node) || !announced()) announce(). */
inline push_own(node, old) {
#ifdef MUTATION_ASLEEP_BEFORE_PUSH
  was = (wake_pending != 0);
  own_push(node, old);
  if
  :: was
  :: else -> announce(was)
  fi;
  was = 0
#else
  own_push(node, old);
  if
  :: old == 0 -> announce(was)
  :: old != 0 ->
    if
    :: wake_pending                 /* W5 load */
    :: !wake_pending -> announce(was)
    fi
  fi
#endif
}

/* Shard::route for a user with a mailbox. */
inline route(m, node, old) {
  mailbox_push(m, node, old);
  if
  :: old == 0 -> announce_ready(m)  /* PushResult::first */
  :: else                           /* PushResult::queued */
  fi
}

/* Shard::announce_ready. */
inline announce_ready(m) {
  if
  :: atomic {
      wake_pending == 0 ->          /* W6 compare-exchange */
      assert(!in_ready[m]);
      in_ready[m] = true;
      wake_pending = m + 1
    };
    wake()
  :: atomic { wake_pending != 0 };  /* W6 failed */
#ifdef MUTATION_ANNOUNCE_BEFORE_READY
    announce(was);
    ready_enqueue(m)
#else
    ready_enqueue(m);
    announce(was)
#endif
  fi
}

inline ready_enqueue(m) {
  atomic { assert(!in_ready[m]); in_ready[m] = true; ready[me] ! m }
}

/* Shard::relay. */
inline relay(node) {
#ifdef MUTATION_ANNOUNCE_BEFORE_RELAY
  announce(was);
  relays[me] ! node
#else
  relays[me] ! node;
  announce(was)
#endif
}

proctype Producer(byte me) {
  byte event = 0;
  byte user;
  byte old = 0;
  bit was = 0;
#ifdef MUTATION_FIRST_BY_LOAD
  byte loaded = 0;
#endif
  do
  :: event < EVENTS ->
    atomic { select (user : 0 .. RELAY) };
    if
    :: user < MAILBOXES -> route(user, 1 + me * EVENTS + event, old)
    :: user == OWN -> push_own(1 + me * EVENTS + event, old)
    :: user == RELAY -> relay(1 + me * EVENTS + event)
    fi;
    d_step { old = 0; user = 0; event++ }
  :: else -> break
  od
}

/* Mailbox::take_all and NodeQueue::take_all: one exchange (M4, N3); from then on
   the nodes are the shard's alone, so turning the list round is no step. */
inline reversed(list) {
  do
  :: node != 0 -> stack[depth] = node; depth++; node = next[node]; next[stack[depth - 1]] = 0
  :: else -> break
  od;
#ifdef MUTATION_NOT_TURNED_ROUND
  m = 0;
  do
  :: m < depth -> list ! stack[m]; stack[m] = 0; m++
  :: else -> break
  od;
  m = 0;
  depth = 0
#else
  do
  :: depth > 0 -> depth--; list ! stack[depth]; stack[depth] = 0
  :: else -> break
  od
#endif
}

inline into_ring(mailbox) {
  if
  :: in_ring[mailbox]
  :: else -> in_ring[mailbox] = true; ring ! mailbox
  fi
}

inline mailbox_take_all(taken) {
#ifdef MUTATION_TAKE_IN_TWO_STEPS
  node = head[taken];
  d_step { head[taken] = 0; scheduled[taken] = false; reversed(pending[taken]); into_ring(taken) }
#else
  d_step {
    assert(scheduled[taken] && head[taken] != 0);
    node = head[taken];
    head[taken] = 0;
    scheduled[taken] = false;
    reversed(pending[taken]);
    into_ring(taken)
  }
#endif
}

#define RUN_TURN_LOCALS \
  byte node = 0;          \
  byte stack[NODES];      \
  byte depth = 0;         \
  byte m = 0;             \
  byte batch[BATCH];      \
  byte count = 0;         \
  byte at = 0;            \
  byte looked = 0;        \
  bool more = false;      \
  byte word = 0;

inline own_take_all() {
  d_step { node = own_head; own_head = 0; reversed(own_list) }
}

/* Shard::handle: here the event has its place in the order. */
inline deliver(user) {
  assert(seen[producer_of(node) * USERS + user] <= event_of(node));
  seen[producer_of(node) * USERS + user] = event_of(node) + 1;
  delivered++;
  node = 0
}

/* try_dequeue_bulk of the ready queue. It looks at one producer's part after the
   other and says "empty" if it found nothing; which part it looks at first, and
   whether it goes on after it found something, is left open. */
inline try_dequeue(producer) {
  atomic {
    count < BATCH && nempty(ready[producer]) ->
    ready[producer] ? m;
    in_ready[m] = false;
    batch[count] = m;
    m = 0;
    count++
  }
}
inline look(producer) {
  atomic {
    count == 0 && empty(ready[producer]) && !(looked & (1 << producer)) ->
    looked = looked | (1 << producer)
  }
}

/* The beginning of Shard::take_ready: the mailbox that came with the wake-up. */
inline take_announced() {
  if
  :: word != 0 && word != NO_MAILBOX ->
    in_ready[word - 1] = false;
    mailbox_take_all(word - 1)
  :: else
  fi;
  word = 0
}

/* Shard::take_ready. The bound of a turn (4096 in the code) may be reached behind
   every batch. */
inline take_ready() {
  do
  :: try_dequeue(0)
  :: try_dequeue(1)
  :: look(0)
  :: look(1)
#if PRODUCERS > 2
  :: try_dequeue(2)
  :: look(2)
#endif
  :: count > 0 ->
    do
    :: at < count -> mailbox_take_all(batch[at]); batch[at] = 0; at++
    :: at == count -> break
    od;
    atomic { at = 0; count = 0; looked = 0 };
    if
    :: true
    :: more = true; break
    fi
  :: count == 0 && looked == (1 << PRODUCERS) - 1 -> break
  od;
  looked = 0
}

/* Shard::take_relays. */
inline take_relays() {
  do
  :: atomic { nempty(relays[0]) -> relays[0] ? node; deliver(RELAY); looked = 0 }
  :: atomic { nempty(relays[1]) -> relays[1] ? node; deliver(RELAY); looked = 0 }
  :: atomic { !(looked & 1) && empty(relays[0]) -> looked = looked | 1 }
  :: atomic { !(looked & 2) && empty(relays[1]) -> looked = looked | 2 }
#if PRODUCERS > 2
  :: atomic { nempty(relays[2]) -> relays[2] ? node; deliver(RELAY); looked = 0 }
  :: atomic { !(looked & 4) && empty(relays[2]) -> looked = looked | 4 }
#endif
  :: looked == (1 << PRODUCERS) - 1 -> break
  od;
  looked = 0
}

/* Shard::process_own and process_ring: the shard's own memory, so one step. Each
   bound (nodes of the own queue, mailboxes a round, nodes a mailbox) is one a turn. */
inline process() {
  d_step {
    if
    :: nempty(own_list) -> own_list ? node; deliver(OWN)
    :: empty(own_list)
    fi;
    if
    :: nempty(ring) ->
      ring ? m;
      in_ring[m] = false;
      assert(nempty(pending[m]));
      pending[m] ? node;
      deliver(m);
      if
      :: nempty(pending[m]) -> into_ring(m)
      :: empty(pending[m])
      fi;
      m = 0
    :: empty(ring)
    fi;
    more = more || nempty(own_list) || nempty(ring)
  }
}

/* Shard::run_turn. */
inline run_turn() {
#ifdef MUTATION_CLEAR_AFTER_TAKE
  word = wake_pending;
#else
  atomic { word = wake_pending; wake_pending = 0 };  /* W2 exchange */
#endif
  take_announced();
  take_ready();
  own_take_all();
  take_relays();
#ifdef MUTATION_CLEAR_AFTER_TAKE
  wake_pending = 0;
#endif
  process()
}

#ifdef HOST
/* ShardThreads::Impl::take_turn, on the host's loop. */
proctype Shard() {
  RUN_TURN_LOCALS
  do
  :: posts > 0 ->
    posts--;
    run_turn();
    if
    :: atomic { more -> posts++; more = false }
    :: !more
    fi
  :: posts == 0 && all_delivered -> break
  od
}
#else
/* Broadcaster::Impl::run without its end, which stop.pml has. */
proctype Shard() {
  RUN_TURN_LOCALS
  do
  :: all_delivered -> break
  :: !all_delivered ->
    run_turn();
    if
#ifndef MUTATION_SLEEP_WITH_WORK_LEFT
    :: more
    :: !more ->
#else
    :: true ->
#endif
      if
      :: wake_pending               /* spin_for: a look that finds work */
      :: true -> wait(all_delivered)
      fi
    fi;
    more = false
  od
}
#endif

init {
  atomic {
    run Shard();
    run Producer(0);
    run Producer(1);
#if PRODUCERS > 2
    run Producer(2);
#endif
  }
}
