/* batch.pml: two messages, each to its own mailbox, delivered in one batch and settled together; the sync of a mailbox may fail,
 * for its cur/ is not there. It is of names as programs see them: no cut, no kill.
 *
 * CHARGE  a mailbox that cannot be synced puts off 1: its own message; 0: the whole batch (must break)
 * FAILS   how often the sync of mailbox 1 fails
 */
#ifndef PROP
#define PROP 0
#endif
bool inbox[3], gone[3], queued[3] = 1, linked[3], bad[3];
byte fails = FAILS, copies[3];

inline judge(p, ok_) { if :: PROP == 0 || PROP == p -> assert(ok_) :: else fi }

inline deliver(n) {
    if
    :: queued[n] && !inbox[n] -> atomic { inbox[n] = 1; linked[n] = 1; copies[n]++; printf("queue-run: links %d\n", n);
        /* Mailbox 1 may have it again, for nobody knows what is on its disk. */
        judge(3, n == 1 || copies[n] == 1) }
    :: queued[n] && inbox[n] -> linked[n] = 1
    :: else
    fi
}

#define PUT_OFF(n) ((CHARGE && bad[n]) || (!CHARGE && (bad[1] || bad[2])))

inline settle(n) {
    atomic {
        if
        :: linked[n] && !PUT_OFF(n) -> queued[n] = 0; printf("queue-run: lets go %d\n", n)
        :: linked[n] && PUT_OFF(n) -> printf("queue-run: puts off %d\n", n)
        :: !linked[n]
        fi;
        linked[n] = 0
    }
}

proctype Run() {
    do
    :: queued[1] || queued[2] ->
        deliver(1); deliver(2);
        atomic { bad[1] = 0; if :: linked[1] && fails > 0 -> fails--; bad[1] = 1; printf("queue-run: cannot sync 1\n") :: else fi };
        settle(1); settle(2)
    :: !queued[1] && !queued[2] -> break
    od;
    judge(1, copies[1] > 0 && copies[2] > 0);
    if :: PROP == 9 -> assert(false) :: else fi
}

/* A message that waits for its next try has been there for longer than a reader waits. */
proctype Reader(byte n) {
    atomic { inbox[n] && !linked[n] -> inbox[n] = 0; gone[n] = 1; printf("reader %d: fetches and unlinks\n", n) }
}

init { atomic { run Run(); run Reader(1); run Reader(2) } }
