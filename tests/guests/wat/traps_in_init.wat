;; Fails before it has seen a message.
(func $init (param i32 i32) (result i32) unreachable)
(func $misbehave (param $exchange i32) (result i32) (call $ok))
