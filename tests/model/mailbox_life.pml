/* The lives of a mailbox: opened by a user's first subscription, closed behind the
   last, given to another user, while producers hold what they once looked up. In
   between it becomes busy, so that publishers find it, and quiet, so that they don't,
   whenever the shard likes.
   README.md says how to read this.

   Publishers publish for user 0. Subscriber i subscribes to user i, publishes one
   event for it, cancels, and does so ROUNDS times. The shard runs a turn whenever
   something is queued; mailbox_wakeup.pml shows that it does. */

#ifndef PUBLISHERS
#define PUBLISHERS 1
#endif
#ifndef EVENTS
#define EVENTS 2
#endif
#ifndef SUBSCRIBERS
#define SUBSCRIBERS 2
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
/* How often mailboxes become busy or quiet again. */
#ifndef CHANGES
#define CHANGES 2
#endif
#define PUBLISHED (PUBLISHERS * EVENTS)
/* A round is join, event, leave; without the event with -DSILENT. */
#ifdef SILENT
#define ROUND 2
#else
#define ROUND 3
#endif
#define OF_ONE (ROUND * ROUNDS)
#define NODES (PUBLISHED + SUBSCRIBERS * OF_ONE)

/* Node 0 is null. First come the publishers' events, then each subscriber's nodes,
   numbered as their thread queues them. */
#define by_publisher(node) ((node) <= PUBLISHED)
#define thread_of(node) (by_publisher(node) -> ((node) - 1) / EVENTS : \
                         PUBLISHERS + ((node) - PUBLISHED - 1) / OF_ONE)
#define place_of(node) (by_publisher(node) -> ((node) - 1) % EVENTS : \
                        ((node) - PUBLISHED - 1) % OF_ONE)
#define user_of(node) (by_publisher(node) -> 0 : ((node) - PUBLISHED - 1) / OF_ONE)
#define is_join(node) (!by_publisher(node) && ((node) - PUBLISHED - 1) % ROUND == 0)
#define is_leave(node) (!by_publisher(node) && ((node) - PUBLISHED - 1) % ROUND == ROUND - 1)
/* Bit of the subscription that a subscriber's node belongs to. */
#define subscription_of(node) (1 << (((node) - PUBLISHED - 1) / ROUND))

#define MAILBOXES SUBSCRIBERS             /* as many as are ever open at once */
#define NOBODY 255

byte next[NODES + 1];                     /* Node::next */
/* Mailbox::head_ is one word: both arrays are only touched in one step. A generation
   does not come round in the model. */
byte head[MAILBOXES + 1];
byte generation[MAILBOXES + 1];
byte user[MAILBOXES + 1] = NOBODY;        /* Mailbox::user_ */
byte own_head = 0;                        /* NodeQueue::head_ of Shard::own_ */
bool ready[MAILBOXES + 1];                /* Shard::ready_, in any order */
/* BusyMailboxes' directory, its slot of each user: index and generation in one word;
   index 0 is an empty slot or a tombstone. Index 0 is never used. */
byte entry_index[SUBSCRIBERS];
byte entry_generation[SUBSCRIBERS];

/* The shard's own. */
byte home[SUBSCRIBERS];                   /* Shard::directory_: each user's mailbox, or 0 */
byte changes = 0;                         /* from busy to quiet and back, to be finite */
chan own_list = [NODES] of { byte };
byte own_taken = 0;
byte own_processed = 0;
chan pending[MAILBOXES + 1] = [NODES] of { byte };
chan fresh[MAILBOXES + 1] = [NODES] of { byte };
chan ring = [MAILBOXES] of { byte };
bool in_ring[MAILBOXES + 1];
byte hold_until[MAILBOXES + 1];
byte subscriptions[MAILBOXES + 1];        /* one bit each */
chan free = [MAILBOXES] of { byte };
byte next_index = 1;

/* What the properties are said with. */
byte handled[PUBLISHERS + SUBSCRIBERS];   /* nodes of each thread */
byte handled_total = 0;

/* Directory::find of a user who has a slot. 0: none. */
inline find(of_user) {
  atomic { index = entry_index[of_user]; wanted = entry_generation[of_user] };  /* D4 load */
  if
  :: index != 0 && user[index] == of_user           /* M5 load */
  :: index != 0 && user[index] != of_user -> index = 0
  :: index == 0
  fi
}

/* Mailbox::push; `result` becomes first, queued or closed. */
#ifdef MUTATION_NO_GENERATION
#define same_generation(found) true
#else
#define same_generation(found) (found == wanted)
#endif
inline mailbox_push(node) {
  atomic { old = head[index]; found = generation[index] };  /* M2 load */
  do
  :: !same_generation(found) -> result = closed; break
  :: same_generation(found) ->
    if
    :: atomic {                                     /* M3 compare-exchange */
        head[index] == old && same_generation(generation[index]) ->
        next[node] = old;
        head[index] = node;
        result = (old == 0 -> first : queued)
      };
      break
    :: atomic {                                     /* M3 failed: it loads the head */
        !(head[index] == old && same_generation(generation[index])) ->
        old = head[index];
        found = generation[index]
      }
    fi
  od
}

/* NodeQueue::push. The announcement is mailbox_wakeup.pml's. */
inline own_push(node) {
  old = own_head;                                   /* N1 load */
  do
  :: atomic { own_head == old -> next[node] = old; own_head = node }; break  /* N2 */
  :: atomic { own_head != old -> old = own_head }
  od
}

/* Shard::route. */
inline route(node, of_user) {
  find(of_user);
  if
  :: index != 0 ->
    mailbox_push(node);
    if
    :: result == first -> atomic { assert(!ready[index]); ready[index] = true }
    :: result == queued
    :: result == closed -> own_push(node)
    fi
  :: index == 0 -> own_push(node)
  fi;
  atomic { index = 0; wanted = 0; found = 0; old = 0; result = closed }
}

mtype = { first, queued, closed };
#define ROUTE_LOCALS    \
  byte index = 0;       \
  byte wanted = 0;      \
  byte found = 0;       \
  byte old = 0;         \
  mtype result = closed;

proctype Publisher(byte me) {
  ROUTE_LOCALS
  byte at = 0;
  do
  :: at < EVENTS -> route(1 + me * EVENTS + at, 0); at++
  :: at == EVENTS -> break
  od
}

/* Broadcaster::subscribe, publish, Subscription::cancel. */
proctype Subscriber(byte me) {
  ROUTE_LOCALS
  byte at = 0;
  do
  :: at < OF_ONE -> route(PUBLISHED + 1 + me * OF_ONE + at, me); at++
  :: at == OF_ONE -> break
  od
}

/* NodeList::reversed: the nodes are the shard's alone. */
inline reversed(list) {
  do
  :: node != 0 -> stack[depth] = node; depth++; node = next[node]; next[stack[depth - 1]] = 0
  :: else -> break
  od;
  do
  :: depth > 0 -> depth--; list ! stack[depth]; stack[depth] = 0
  :: else -> break
  od
}

/* Shard::take_ready. It may end before the queue is empty: at its bound, or because
   the queue had looked at that producer's part already. */
inline take_ready() {
  do
  :: atomic { ready[1] -> ready[1] = false; mailbox = 1 }; take_all()
#if MAILBOXES > 1
  :: atomic { ready[2] -> ready[2] = false; mailbox = 2 }; take_all()
#endif
  :: true -> break
  od
}

/* Mailbox::take_all. */
inline take_all() {
  d_step {
    assert(head[mailbox] != 0);
    node = head[mailbox];                           /* M4 exchange */
    head[mailbox] = 0;
    reversed(fresh[mailbox]);
    mailbox = 0
  }
}

inline into_ring(which) {
  if
  :: in_ring[which]
  :: else -> in_ring[which] = true; ring ! which
  fi
}

/* Shard::take_own: one exchange; the rest is the shard's memory. */
inline take_own() {
  d_step {
    node = own_head;                                /* N3 exchange */
    own_head = 0;
    reversed(taken);
    do
    :: nempty(taken) ->
      taken ? node;
      mailbox = home[user_of(node)];                /* give_to_mailbox: its own stores */
      if
      :: mailbox != 0 -> pending[mailbox] ! node; into_ring(mailbox)
      :: else -> own_list ! node; own_taken++
      fi
    :: empty(taken) -> break
    od;
    node = 0;
    mailbox = 0
  }
}

/* Shard::run_turn behind take_own. */
inline append_fresh() {
  d_step {
    mailbox = 1;
    do
    :: mailbox <= MAILBOXES ->
      if
      :: nempty(fresh[mailbox]) -> into_ring(mailbox)
      :: empty(fresh[mailbox])
      fi;
      do
      :: nempty(fresh[mailbox]) -> fresh[mailbox] ? node; pending[mailbox] ! node
      :: empty(fresh[mailbox]) -> break
      od;
      mailbox++
    :: else -> break
    od;
    mailbox = 0;
    node = 0
  }
}

/* Shard::handle of `node`, with its user's mailbox or 0. */
inline handle() {
  atomic {
    assert(place_of(node) == handled[thread_of(node)]);  /* each thread's order, each once */
    handled[thread_of(node)]++;
    handled_total++;
    assert(mailbox == 0 || user[mailbox] == user_of(node));  /* nobody hears another's */
    if
    :: is_join(node) ->
      if
      :: mailbox == 0 -> open_mailbox(user_of(node))
      :: else -> joined = mailbox
      fi;
      subscriptions[joined] = subscriptions[joined] | subscription_of(node);
      joined = 0
    :: is_leave(node) ->
      assert(mailbox != 0 && (subscriptions[mailbox] & subscription_of(node)));
      subscriptions[mailbox] = subscriptions[mailbox] & ~subscription_of(node)
    :: else ->
      /* Between its subscribe and its cancel, a thread hears what it publishes. */
      assert(by_publisher(node) ||
             (mailbox != 0 && (subscriptions[mailbox] & subscription_of(node))))
    fi;
    node = 0
  }
}

/* Shard::open_mailbox and MailboxTable::acquire. Nobody finds the mailbox yet, and who
   still knows it from its last life only learns a little earlier or later that it is
   another user's. */
inline open_mailbox(of_user) {
  if
  :: nempty(free) -> free ? joined
  :: empty(free) -> joined = next_index; next_index++
  fi;
  assert(home[of_user] == 0 && entry_index[of_user] == 0);
  user[joined] = of_user;                           /* M5 store */
#ifndef MUTATION_NO_HOLD
  hold_until[joined] = own_taken;
#endif
  home[of_user] = joined
}

/* BusyMailboxes::add. */
inline become_busy(which) {
  atomic {
    entry_index[user[which]] = which;               /* D4 store */
    entry_generation[user[which]] = generation[which];
    changes++
  }
}

/* When the shard does so is its own affair: the model tries every moment of a turn at
   which it may, for each open mailbox. */
#define is_open(which) (user[which] != NOBODY && home[user[which]] == which)
inline change(which) {
  if
  :: is_open(which) && entry_index[user[which]] == 0 && changes < CHANGES -> become_busy(which)
  :: is_open(which) && entry_index[user[which]] == which && changes < CHANGES ->
    mailbox = which;
    retire();
    changes++;
    unused = false;
    mailbox = 0
  :: true
  fi
}

/* BusyMailboxes::retire; `unused` says whether it could. */
inline retire() {
#ifdef MUTATION_ERASE_BEFORE_CLOSE
    erase();
#endif
#ifdef MUTATION_CLOSE_IN_TWO_STEPS
    unused = (head[mailbox] == 0);
    if
    :: unused -> generation[mailbox]++; head[mailbox] = 0
    :: !unused
    fi;
#else
    atomic {                                        /* Mailbox::close, M6 compare-exchange */
      unused = (head[mailbox] == 0);
      if
      :: unused -> generation[mailbox]++
      :: !unused
      fi
    };
#endif
    if
    :: unused -> erase()                            /* Directory::erase, D4 store */
    :: !unused
    fi
}

/* Shard::close_if_unused. */
inline close_if_unused() {
  if
  :: subscriptions[mailbox] != 0 || len(pending[mailbox]) > 0 || in_ring[mailbox]
  :: else ->
    if
    :: entry_index[user[mailbox]] == mailbox -> retire()
    :: else -> unused = true
    fi;
    if
    :: unused ->
      home[user[mailbox]] = 0;
      assert(nfull(free));                          /* released once in each life */
      free ! mailbox                                /* MailboxTable::release */
    :: !unused
    fi;
    unused = false
  fi
}
inline erase() {
  atomic { entry_index[user[mailbox]] = 0; entry_generation[user[mailbox]] = 0 }
}

/* Shard::process_own, one node a turn, then the rest of the turn. */
inline process_own() {
  if
  :: nempty(own_list) ->
    atomic {
      own_list ? node;
      own_processed++;
      mailbox = home[user_of(node)];                /* mailbox_of */
      handle()
    };
    if
    :: mailbox != 0 -> close_if_unused()
    :: mailbox == 0
    fi;
    mailbox = 0
  :: empty(own_list)
  fi
}

/* Shard::process_ring and process_mailbox: one mailbox and one node a turn. */
inline process_ring() {
  if
  :: nempty(ring) ->
    atomic {
      ring ? mailbox;
      in_ring[mailbox] = false;
      if
      :: own_processed >= hold_until[mailbox] -> pending[mailbox] ? node; handle()
      :: else
      fi
    };
    if
    :: nempty(pending[mailbox]) -> into_ring(mailbox)
    :: empty(pending[mailbox]) -> close_if_unused()
    fi;
    mailbox = 0
  :: empty(ring)
  fi
}

#if MAILBOXES > 1
#define something_ready (ready[1] || ready[2])
#else
#define something_ready ready[1]
#endif

proctype Shard() {
  byte node = 0;
  byte stack[NODES + 1];
  byte depth = 0;
  byte mailbox = 0;
  byte joined = 0;
  bool unused = false;
  chan taken = [NODES] of { byte };
  do
  :: own_head != 0 || something_ready || nempty(own_list) || nempty(ring) ->
    /* Shard::run_turn. */
#ifdef MUTATION_OWN_BEFORE_READY
    take_own();
    take_ready();
    append_fresh();
#else
    take_ready();
#ifdef MUTATION_FRESH_BEFORE_OWN
    append_fresh();
    take_own();
#else
    take_own();
    append_fresh();
#endif
#endif
    process_own();
    process_ring();
    change(1)
#if MAILBOXES > 1
    ;
    change(2)
#endif
  :: handled_total == NODES && empty(ring) -> break
  od;
  /* Behind the last subscription and the last node, nothing is kept. */
  assert(len(free) == next_index - 1);
  assert(home[0] == 0 && entry_index[0] == 0);
#if SUBSCRIBERS > 1
  assert(home[1] == 0 && entry_index[1] == 0)
#endif
}

init {
  atomic {
    run Shard();
    run Publisher(0);
#if PUBLISHERS > 1
    run Publisher(1);
#endif
    run Subscriber(0);
#if SUBSCRIBERS > 1
    run Subscriber(1);
#endif
  }
}
