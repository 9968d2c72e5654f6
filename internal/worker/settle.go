package worker

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// settle stores what became of messages. It takes whatever has gathered while the last commit ran, and waits for
// nothing: a commit for each message would halve the rate. A settlement that failed is kept and tried again, until
// finished is closed and the last try is over.
func (w *Worker) settle(sending context.Context) {
	var batch []latchkey.Delivery
	for d := range w.finished {
		batch = w.gather(append(batch, d))
		for !w.commit(sending, batch) {
			var open bool
			if batch, open = w.pause(batch); !open {
				w.commit(sending, batch)
				return
			}
		}
		batch = batch[:0]
	}
}

// gather adds what is there already.
func (w *Worker) gather(batch []latchkey.Delivery) []latchkey.Delivery {
	for len(batch) < settleLimit {
		select {
		case d, ok := <-w.finished:
			if !ok {
				return batch
			}
			batch = append(batch, d)
		default:
			return batch
		}
	}
	return batch
}

// pause waits before the next try, and takes in what is finished meanwhile, so that no sender waits for the store.
// open is false when nothing will come any more.
func (w *Worker) pause(batch []latchkey.Delivery) (more []latchkey.Delivery, open bool) {
	timer := time.NewTimer(settleAgain)
	defer timer.Stop()
	for {
		select {
		case d, ok := <-w.finished:
			if !ok {
				return batch, false
			}
			batch = append(batch, d)
		case <-timer.C:
			return batch, true
		}
	}
}

// commit stores one batch and lets go of its messages. A batch that is not stored is held: its messages may be claimed
// again when their lease has passed, and must not be sent again.
func (w *Worker) commit(sending context.Context, batch []latchkey.Delivery) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(sending), storeTimeout)
	defer cancel()
	if err := w.Store.SettleMessages(ctx, batch); err != nil {
		w.Log.Warn("deliveries not stored", "count", len(batch), "code", string(latchkey.CodeOf(err)), "err", err)
		return false
	}
	w.release(batch)
	return true
}

// hold takes m for sending; false when it is held already.
func (w *Worker) hold(m latchkey.Message) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, taken := w.held[nameOf(m)]; taken {
		return false
	}
	w.held[nameOf(m)] = struct{}{}
	return true
}

func (w *Worker) release(batch []latchkey.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range batch {
		delete(w.held, nameOf(d.Message))
	}
}
