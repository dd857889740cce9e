// SPDX-License-Identifier: Apache-2.0

package rollup

// weights are the weights of ids 0, 1, 2 …, which mostly grow, and which id has the least. Adding costs nothing but the addition: the heap is ordered by keys
// that lag behind the weights and catches up when the least is asked for.
type weights struct {
	weight []float64
	key    []float64 // never above weight
	heap   []int32   // ids, no key above those of its children
	place  []int32   // of an id in heap
}

// push adds the next id and returns it.
func (w *weights) push(weight float64) int32 {
	id := int32(len(w.heap)) //nolint:gosec // at most a multiple of MaxValues
	w.weight, w.key = append(w.weight, weight), append(w.key, weight)
	w.heap, w.place = append(w.heap, id), append(w.place, id)
	w.up(id)
	return id
}

// set gives an id a weight, also a smaller one.
func (w *weights) set(id int32, weight float64) {
	w.weight[id], w.key[id] = weight, weight
	w.up(w.place[id])
	w.down(w.place[id])
}

// least returns the id with the least weight. There must be one.
func (w *weights) least() int32 {
	for {
		id := w.heap[0]
		if w.key[id] >= w.weight[id] {
			return id
		}
		w.key[id] = w.weight[id]
		w.down(0)
	}
}

// scale multiplies every weight.
func (w *weights) scale(by float64) {
	for i := range w.weight {
		w.weight[i] *= by
		w.key[i] *= by
	}
}

func (w *weights) swap(i, j int32) {
	w.heap[i], w.heap[j] = w.heap[j], w.heap[i]
	w.place[w.heap[i]], w.place[w.heap[j]] = i, j
}

func (w *weights) up(i int32) {
	for i > 0 {
		parent := (i - 1) / 2
		if w.key[w.heap[parent]] <= w.key[w.heap[i]] {
			return
		}
		w.swap(i, parent)
		i = parent
	}
}

func (w *weights) down(i int32) {
	n := int32(len(w.heap)) //nolint:gosec // as in push
	for {
		child := 2*i + 1
		if child >= n {
			return
		}
		if child+1 < n && w.key[w.heap[child+1]] < w.key[w.heap[child]] {
			child++
		}
		if w.key[w.heap[i]] <= w.key[w.heap[child]] {
			return
		}
		w.swap(i, child)
		i = child
	}
}
