"""One folder a stage: raw light in, picture out. Stages never touch a file."""
