// Question: what does publish_to_subscribers cost when it is written the way that
// Meshery's server broadcasts its events?
//
// One publisher, one user, as many reading goroutines as subscribers. The publisher
// builds each event anew (its id, its times) and publishes as fast as it can. Each
// reader counts and checks the order. The clock runs from the first publish until
// the last delivery. Unlike Carillon's, this event is neither validated nor encoded,
// which favours this program.
//
// Prints one line of JSON for each number of subscribers.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

type result struct {
	Variant             string  `json:"variant"`
	Subscribers         int     `json:"subscribers"`
	Published           uint64  `json:"published"`
	Delivered           uint64  `json:"delivered"`
	LostPercent         float64 `json:"lost_percent"`
	DeliveriesPerSecond float64 `json:"deliveries_per_second"`
	NsPerPublish        float64 `json:"ns_per_publish"`
	Go                  string  `json:"go"`
}

// tally is one reader's; readers don't share cache lines.
type tally struct {
	seen       uint64
	last       uint64
	disordered bool
	_          [104]byte
}

func (t *tally) read(channel <-chan *event) {
	for e := range channel {
		if e.publishNumber <= t.last {
			t.disordered = true
		}
		t.last = e.publishNumber
		t.seen++
	}
}

func measure(variant string, subscriberCount int, duration time.Duration) (result, error) {
	var hub broadcast
	user, system, operation := newUUID(), newUUID(), newUUID()
	tallies := make([]tally, subscriberCount)
	var readers sync.WaitGroup
	for i := range tallies {
		channel := hub.subscribe(user)
		readers.Add(1)
		go func(t *tally) {
			defer readers.Done()
			t.read(channel)
		}(&tallies[i])
	}
	description := strings.Repeat("x", 120)
	wait := variant == "wait"
	var published, dropped uint64

	began := time.Now()
	for now := began; now.Sub(began) < duration; now = time.Now() {
		published++
		e := &event{
			ID: newUUID(), Owner: user, SystemID: system, OperationID: operation,
			Category: "pattern", Action: "deploy", Severity: "success", Status: "unread",
			Description: description, CreatedAt: now, UpdatedAt: now, publishNumber: published,
		}
		if wait {
			hub.publishAndWait(user, e)
		} else {
			dropped += hub.publishOrDrop(user, e)
		}
	}
	hub.closeAll(user)
	readers.Wait() // a closed channel still gives what it holds
	elapsed := time.Since(began)

	var delivered uint64
	for i := range tallies {
		delivered += tallies[i].seen
		if tallies[i].disordered {
			return result{}, fmt.Errorf("a subscriber saw events out of order")
		}
	}
	wanted := published * uint64(subscriberCount)
	if delivered+dropped != wanted {
		return result{}, fmt.Errorf("%d delivered and %d dropped of %d", delivered, dropped, wanted)
	}
	return result{
		Variant: variant, Subscribers: subscriberCount, Published: published, Delivered: delivered,
		LostPercent:         100 * float64(dropped) / float64(wanted),
		DeliveriesPerSecond: float64(delivered) / elapsed.Seconds(),
		NsPerPublish:        float64(elapsed.Nanoseconds()) / float64(published),
		Go:                  runtime.Version(),
	}, nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "compare_go:", err)
	os.Exit(1)
}

func main() {
	variant := flag.String("variant", "drop", "drop: a full channel loses the event; wait: it holds the publisher")
	counts := flag.String("subscribers", "1,10,100,1000", "numbers of subscribers, separated by commas")
	duration := flag.Duration("duration", time.Second, "how long to publish for each number")
	flag.Parse()
	if *variant != "drop" && *variant != "wait" {
		fail(fmt.Errorf("unknown variant %q; known are drop, wait", *variant))
	}
	out := json.NewEncoder(os.Stdout)
	for _, text := range strings.Split(*counts, ",") {
		count, err := strconv.Atoi(text)
		if err != nil || count < 1 {
			fail(fmt.Errorf("subscribers is %q; it must be a number above 0", text))
		}
		measured, err := measure(*variant, count, *duration)
		if err != nil {
			fail(err)
		}
		if err := out.Encode(measured); err != nil {
			fail(err)
		}
	}
}
