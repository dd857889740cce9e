// SPDX-License-Identifier: Apache-2.0

package native

// Column is one column of a block that is being built. Its implementations are the types of this package.
type Column interface {
	// typeName is the column's ClickHouse type.
	typeName() string
	// state writes the prefix that precedes the data, if the type has one.
	state(e *Encoding)
	// data writes the rows.
	data(e *Encoding)
	// reset forgets the rows and keeps the memory.
	reset()
}

// Block is a block that is being built: named columns, to which the owner appends one value each for every row. The zero value has no
// columns and no rows.
type Block struct {
	// Rows is how many rows the columns have; the owner counts them.
	Rows int

	names   []string // of columns, in the same order
	columns []Column
}

// Add adds the column that is called name in the table. The order of the calls is the order of columns in the block.
func (b *Block) Add(name string, c Column) {
	b.names, b.columns = append(b.names, name), append(b.columns, c)
}

// Names returns the names of the columns in their order. The caller must not change them.
func (b *Block) Names() []string { return b.names }

// Reset forgets the rows and keeps the columns and their memory.
func (b *Block) Reset() {
	b.Rows = 0
	for _, c := range b.columns {
		c.reset()
	}
}

// Encode writes the block in the Native format to e, in place of what it held. The columns must not change while e is read.
func (b *Block) Encode(e *Encoding) {
	e.reset()
	e.buf.PutInt(len(b.columns))
	e.buf.PutInt(b.Rows)
	for i, c := range b.columns {
		e.buf.PutString(b.names[i])
		e.buf.PutString(c.typeName())
		if b.Rows == 0 {
			continue
		}
		c.state(e)
		c.data(e)
	}
}
