"""What documents are searched by: one module for texts, for images, and for vectors that are brought along."""
