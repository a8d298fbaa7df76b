// HeedFiles: safetensors, and files that are replaced atomically.
