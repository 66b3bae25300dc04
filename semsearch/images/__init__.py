"""Images as latents: autoencoders, the reading of image files, and training; nothing here stores or searches."""
