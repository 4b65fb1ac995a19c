;; What a panic comes to where nobody reports it.
(func $misbehave (param $exchange i32) (result i32) (call $innermost))
(func $innermost (result i32) unreachable)
