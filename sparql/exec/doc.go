// Package exec runs an algebra tree over ids, in batches, on sorted cursors.
// Operators pull from each other; none starts a goroutine. Every operator
// checks the context and charges the memory it holds to the query's budget.
package exec
