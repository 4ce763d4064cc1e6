// Package client is a connection to a worker with the calls that most programs need,
// on top of the generated code in api/frameport/v1:
//
//	c, err := client.Dial("127.0.0.1:50051") // or unix:/run/frameport/frameport.sock
//	f, err := c.Latest(ctx, "door", client.LatestOptions{Wait: 3 * time.Second})
//	for f, err := range c.Watch(ctx, client.WatchOptions{}) { … }
//	for b, err := range c.Batches(ctx, client.BatchOptions{Tensor: spec}) { … }
//	for f, err := range c.Share(ctx, "door", client.ShareOptions{}) { … }
//
// [Client.Latest] is the newest frame now, [Client.Watch] follows cameras with the
// newest frames, [Client.Batches] follows them with tensors for a model, [Client.Share]
// follows one where its frames lie, without copying them, and [Client.Clock] makes times of two machines comparable. All else is there as the
// generated services, on the same connection.
//
// Errors are those of the calls: package apierr reads their reasons. Nothing is tried
// again behind the caller's back. Frames belong to the caller. A [Client] may be used
// from many goroutines; its owner closes it.
package client
