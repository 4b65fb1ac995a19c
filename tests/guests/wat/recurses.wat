;; Calls itself until the stack ends.
(func $misbehave (param $exchange i32) (result i32)
    (i32.add (call $misbehave (local.get $exchange)) (i32.const 1)))
