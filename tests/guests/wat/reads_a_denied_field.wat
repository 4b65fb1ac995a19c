;; Reads the patient's name.
(data (i32.const 1024) "PID-5.1")
(func $misbehave (param $exchange i32) (result i32)
    (call $get (call $message (local.get $exchange)) (i32.const 1024) (i32.const 7) (i32.const 64))
    unreachable)
