;; Does its work, and keeps a copy of the message.
(func $misbehave (param $exchange i32) (result i32)
    (local $message i32)
    (local.set $message (call $message (local.get $exchange)))
    (drop (call $copy (local.get $message)))
    (call $drop_message (local.get $message))
    (call $forward_input (local.get $exchange))
    (call $drop_exchange (local.get $exchange))
    (call $ok))
