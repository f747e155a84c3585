-- One retraction or reinstatement at a time; everybody may go on reading.
lock table retracted_range in share row exclusive mode
