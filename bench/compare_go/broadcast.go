package main

import (
	"crypto/rand"
	"sync"
	"time"
)

type uuid [16]byte

// newUUID makes a version 4 UUID from the system's randomness.
func newUUID() uuid {
	var id uuid
	if _, err := rand.Read(id[:]); err != nil {
		panic(err)
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// event has what Meshery's has; it is shared by pointer and never encoded here.
type event struct {
	ID            uuid
	Owner         uuid
	ActedUpon     uuid
	OperationID   uuid
	SystemID      uuid
	Category      string
	Action        string
	Severity      string
	Status        string
	Description   string
	CreatedAt     time.Time
	UpdatedAt     time.Time
	Metadata      map[string]any
	publishNumber uint64
}

// subscribers of one user. The mutex is held while an event goes to each of them.
type subscribers struct {
	mutex    sync.Mutex
	channels []chan *event
}

// broadcast hands a user's events to that user's subscribers, as Meshery's server
// does: a sync.Map of user -> subscribers, and for each subscriber a channel with
// room for one event.
type broadcast struct {
	users sync.Map
}

func (b *broadcast) subscribe(user uuid) chan *event {
	value, _ := b.users.LoadOrStore(user, &subscribers{})
	of := value.(*subscribers)
	channel := make(chan *event, 1)
	of.mutex.Lock()
	defer of.mutex.Unlock()
	of.channels = append(of.channels, channel)
	return channel
}

// publishOrDrop never waits: a subscriber whose channel is full does not get the
// event. Returns how many did not.
func (b *broadcast) publishOrDrop(user uuid, e *event) (dropped uint64) {
	value, ok := b.users.Load(user)
	if !ok {
		return 0
	}
	of := value.(*subscribers)
	of.mutex.Lock()
	defer of.mutex.Unlock()
	for _, channel := range of.channels {
		select {
		case channel <- e:
		default:
			dropped++
		}
	}
	return dropped
}

// publishAndWait waits for each subscriber in turn, so it loses nothing.
func (b *broadcast) publishAndWait(user uuid, e *event) {
	value, ok := b.users.Load(user)
	if !ok {
		return
	}
	of := value.(*subscribers)
	of.mutex.Lock()
	defer of.mutex.Unlock()
	for _, channel := range of.channels {
		channel <- e
	}
}

func (b *broadcast) closeAll(user uuid) {
	if value, ok := b.users.LoadAndDelete(user); ok {
		for _, channel := range value.(*subscribers).channels {
			close(channel)
		}
	}
}
