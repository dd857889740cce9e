// SPDX-License-Identifier: Apache-2.0

package native

// Pairs is a column of type Map(K, V) whose keys and values are of fixed width. Keys are not compared: the owner puts each once into a row.
type Pairs struct {
	// Keys and Values are the columns of the keys and values of all rows, to which the owner appends; their types are set before the first row.
	Keys, Values Fixed

	ends offsets
}

func (c *Pairs) typeName() string {
	return "Map(" + c.Keys.typeName() + ", " + c.Values.typeName() + ")"
}
func (c *Pairs) state(*Encoding) {}

func (c *Pairs) data(e *Encoding) {
	e.refer(c.ends.buf)
	c.Keys.data(e)
	c.Values.data(e)
}

func (c *Pairs) reset() {
	c.ends.reset()
	c.Keys.reset()
	c.Values.reset()
}

// EndRow ends a row of n keys, which were appended to Keys with as many Values since the last row.
func (c *Pairs) EndRow(n int) { c.ends.add(n) }
